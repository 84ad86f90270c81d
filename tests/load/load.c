/* Load: ten clients with a car and two cameras each, on one server, for MINUTES (default 10): synchronous, then a fifth of that time
 * asynchronous. Says frames lost, ticks per second, and the server's resident memory at the start and at the end.
 *
 *     make load MINUTES=1
 *
 * Ends with status 1 when a frame was lost in synchronous mode or memory has grown by more than 5 % and 4 MiB. The cameras are read by
 * plain sockets, a thread each, so that every message is seen; the clients are those of sim/client. */
#include "base/clock.h"
#include "base/process.h"
#include "sim/client/client.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS   10
#define CAMERAS   2 /* per client */
#define WIDTH_PX  "320"
#define HEIGHT_PX "160"
#define WARM_UP   50 /* ticks before memory is looked at */

typedef struct reader {
    int fd;
    pthread_t thread;
    atomic_ullong frames, lost, last;
} reader;

static reader readers[CLIENTS * CAMERAS];
static client *clients[CLIENTS];
static wire_actor_id cars[CLIENTS];

static _Noreturn void give_up(const char *what, const base_error *err)
{
    fprintf(stderr, "load: %s: %s\n", what, err ? err->text : "failed");
    exit(1);
}

static bool receive(int fd, uint8_t *bytes, size_t count)
{
    for (size_t have = 0; have < count;) {
        ssize_t got = recv(fd, bytes + have, count - have, 0);
        if (got <= 0)
            return false;
        have += (size_t)got;
    }
    return true;
}

/* Every message: its frame number must follow the one before. */
static void *read_stream(void *user)
{
    reader *r = user;
    static const size_t most = (size_t)1 << 22;
    uint8_t prefix[WIRE_FRAME_PREFIX_BYTES], *bytes = malloc(most);
    size_t payload;
    wire_header h;
    while (bytes && receive(r->fd, prefix, sizeof prefix) && wire_frame_look(prefix, sizeof prefix, most, &payload, NULL) &&
           receive(r->fd, bytes, payload) && wire_header_read(&h, bytes, payload, NULL)) {
        uint64_t last = atomic_load(&r->last);
        if (last && h.frame != last + 1)
            atomic_fetch_add(&r->lost, h.frame - last - 1);
        atomic_store(&r->last, h.frame);
        atomic_fetch_add(&r->frames, 1);
    }
    free(bytes);
    return NULL;
}

static void start_reader(reader *r, int port, uint32_t stream)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    uint8_t join[4] = { (uint8_t)stream, (uint8_t)(stream >> 8), (uint8_t)(stream >> 16), (uint8_t)(stream >> 24) };
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    r->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (r->fd < 0 || connect(r->fd, (struct sockaddr *)&a, sizeof a) || send(r->fd, join, 4, MSG_NOSIGNAL) != 4 ||
        pthread_create(&r->thread, NULL, read_stream, r))
        give_up("a camera's stream", NULL);
}

static void set_up(int i, int rpc_port)
{
    static const char *const kinds[CAMERAS] = { "sensor.camera.rgb", "sensor.camera.semantic_segmentation" };
    static const client_attribute size[] = { { "image_size_x", WIDTH_PX }, { "image_size_y", HEIGHT_PX } };
    client_options o = client_options_default();
    base_error err = { 0 };
    size_t count;
    o.port = rpc_port;
    if (!(clients[i] = client_connect(&o, &err)))
        give_up("connecting", &err);
    if (i == 0 && !client_synchronous(clients[0], 0.05, &err))
        give_up("synchronous mode", &err);
    const base_pose *points = client_spawn_points(clients[i], &count, &err);
    if (!points || count < CLIENTS)
        give_up("spawn points", &err);
    client_spawn_options car = { .blueprint = "vehicle.lincoln.mkz_2020", .pose = points[(size_t)i * count / CLIENTS] };
    if (!client_spawn(clients[i], &car, &cars[i], &err))
        give_up("a car", &err);
    for (int k = 0; k < CAMERAS; k++) {
        client_spawn_options eye = { .blueprint = kinds[k],
                                     .pose = { { 1.5, 0, 1.8 }, { -8, 0, 0 } },
                                     .parent = cars[i],
                                     .attributes = size,
                                     .attribute_count = 2 };
        wire_actor_id id;
        wire_token token;
        const wire_actor *a;
        if (!client_spawn(clients[i], &eye, &id, &err) || !(a = client_actor(clients[i], id, &err)) ||
            !wire_token_read(&token, a->stream_token))
            give_up("a camera", &err);
        start_reader(&readers[i * CAMERAS + k], token.port, token.stream_id);
    }
}

/* One tick seen by all clients. */
static void step(bool synchronous)
{
    base_error err = { 0 };
    for (int i = 0; i < CLIENTS; i++)
        if (!client_control(clients[i], cars[i], (wire_vehicle_control){ .throttle = 0.4f, .steer = 0.3f }, &err))
            give_up("control", &err);
    if (!(synchronous ? client_tick(clients[0], &err) : client_wait_for_tick(clients[0], &err)))
        give_up("tick", &err);
    for (int i = 1; i < CLIENTS; i++)
        while (client_snapshot_get(clients[i]).frame < client_snapshot_get(clients[0]).frame)
            if (!client_wait_for_tick_within(clients[i], 10, &err))
                give_up("a client that waits for the tick", &err);
}

static long resident_kib(pid_t pid)
{
    char path[64], line[256];
    long kib = -1;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "VmRSS: %ld", &kib) == 1)
            break;
    if (f)
        fclose(f);
    return kib;
}

static uint64_t sum_lost(void)
{
    uint64_t lost = 0;
    for (int i = 0; i < CLIENTS * CAMERAS; i++)
        lost += atomic_load(&readers[i].lost);
    return lost;
}

/* The last pictures may still be on their way when the tick is known. */
static uint64_t readers_behind(uint64_t frame)
{
    uint64_t behind = 0;
    for (int wait = 0; wait < 100; wait++) {
        behind = 0;
        for (int i = 0; i < CLIENTS * CAMERAS; i++)
            behind += atomic_load(&readers[i].last) != frame;
        if (!behind)
            break;
        usleep(50000);
    }
    return behind;
}

int main(int argc, char **argv)
{
    if (argc != 3 || !(atof(argv[2]) > 0))
        return fprintf(stderr, "usage: load PATH_OF_LANELOOP MINUTES\n"), 2;
    const char *const serve[] = { argv[1], "serve", "--port", "0", "--ready-fd", "3", NULL };
    base_process server = { 0 };
    base_error err = { 0 };
    char line[256];
    int port = 0;
    double seconds = 60 * atof(argv[2]);
    if (!base_process_start(&server, serve, &err) || !base_process_read_line(&server, line, sizeof line, 30, &err) ||
        sscanf(line, "{\"rpc_port\":%d", &port) != 1)
        give_up("laneloop serve", &err);
    for (int i = 0; i < CLIENTS; i++)
        set_up(i, port);
    for (int i = 0; i < WARM_UP; i++)
        step(true);
    long before_kib = resident_kib(server.pid), half_kib = 0;
    double began_s = base_clock_s(), took_s;
    uint64_t ticks = 0;
    while ((took_s = base_clock_s() - began_s) < seconds) {
        step(true);
        ticks++;
        if (!half_kib && took_s > seconds / 2)
            half_kib = resident_kib(server.pid);
    }
    uint64_t lost = sum_lost() + readers_behind(client_snapshot_get(clients[0]).frame);
    long after_kib = resident_kib(server.pid);
    printf("synchronous: %d clients, %d cameras of " WIDTH_PX "x" HEIGHT_PX
           ", %.0f s: %llu ticks, %.1f ticks/s, %.0f frames/s, %llu frames lost\n",
           CLIENTS, CLIENTS * CAMERAS, took_s, (unsigned long long)ticks, (double)ticks / took_s,
           (double)ticks * CLIENTS * CAMERAS / took_s, (unsigned long long)lost);
    printf("resident memory of the server: %ld KiB at the start, %ld at half time, %ld at the end\n", before_kib, half_kib,
           after_kib);

    if (!client_asynchronous(clients[0], 0, &err))
        give_up("asynchronous mode", &err);
    uint64_t lost_before = sum_lost(), frames = 0, first = client_snapshot_get(clients[0]).frame;
    for (int i = 0; i < CLIENTS * CAMERAS; i++)
        frames -= atomic_load(&readers[i].frames);
    began_s = base_clock_s();
    while ((took_s = base_clock_s() - began_s) < seconds / 5)
        step(false);
    for (int i = 0; i < CLIENTS * CAMERAS; i++)
        frames += atomic_load(&readers[i].frames);
    printf("asynchronous: %.0f s: %llu ticks, %.0f frames/s, %llu frames lost by slow readers; server %ld KiB\n", took_s,
           (unsigned long long)(client_snapshot_get(clients[0]).frame - first), (double)frames / took_s,
           (unsigned long long)(sum_lost() - lost_before), resident_kib(server.pid));
    for (int i = CLIENTS - 1; i >= 0; i--)
        if (!client_close(clients[i], &err))
            fprintf(stderr, "load: client %d: %s\n", i, err.text);
    int status = base_process_stop(&server, 10);
    for (int i = 0; i < CLIENTS * CAMERAS; i++) {
        pthread_join(readers[i].thread, NULL);
        close(readers[i].fd);
    }
    bool grown = after_kib > before_kib + before_kib / 20 + 4096;
    if (lost || grown || status)
        fprintf(stderr, "load: %s\n",
                lost    ? "frames were lost in synchronous mode"
                : grown ? "memory has grown"
                        : "the server ended badly");
    return lost || grown || status;
}
