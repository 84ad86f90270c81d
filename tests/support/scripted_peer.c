#include "tests/support/scripted_peer.h"
#include "base/clock.h"
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char map[] =
    "<OpenDRIVE><header revMajor=\"1\" revMinor=\"4\"/><road name=\"\" length=\"100\" id=\"1\" junction=\"-1\">"
    "<planView><geometry s=\"0\" x=\"-20\" y=\"0\" hdg=\"0\" length=\"100\"><line/></geometry></planView>"
    "<lanes><laneSection s=\"0\"><center><lane id=\"0\" type=\"none\"/></center>"
    "<right><lane id=\"-1\" type=\"driving\"><width sOffset=\"0\" a=\"4\" b=\"0\" c=\"0\" d=\"0\"/></lane></right>"
    "</laneSection></lanes></road></OpenDRIVE>";

enum { CAMERA_STREAM = 2, W = PEER_IMAGE_W, H = PEER_IMAGE_H, CONNECTIONS = 16 }; /* depth: stream 3 */

int peer_listen_any(int *port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool ok = fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(fd, 8) == 0;
    if (!ok)
        abort();
    getsockname(fd, (struct sockaddr *)&a, &n);
    *port = ntohs(a.sin_port);
    return fd;
}

static bool is(const char *name, const char *what) { return what && strcmp(name, what) == 0; }

static void send_all(int fd, const void *data, size_t bytes)
{
    for (size_t done = 0; done < bytes;) {
        ssize_t n = send(fd, (const char *)data + done, bytes - done, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        done += (size_t)n;
    }
}

static wire_actor camera(wire_token *token, uint8_t bytes[WIRE_TOKEN_BYTES], int which)
{
    static wire_attribute_value tick = { "sensor_tick", WIRE_ATTRIBUTE_FLOAT, "0.0" };
    token->stream_id = CAMERA_STREAM + (uint32_t)which;
    wire_token_write(token, bytes);
    return (wire_actor){ .id = 20 + (wire_actor_id)which,
                         .parent_id = 10,
                         .description = { 1, which ? "sensor.camera.depth" : "sensor.camera.rgb", { &tick, 1 } },
                         .stream_token = { bytes, WIRE_TOKEN_BYTES } };
}

static wire_transform car_at(const peer *p, uint64_t frame)
{
    return (wire_transform){ { (float)(1 + p->car_mps * 0.05 * (double)frame), 2, 3 }, { 4, 5, 6 } };
}

static wire_transform camera_at(const peer *p, int which, uint64_t frame)
{
    base_pose car = wire_transform_to_pose(car_at(p, frame)), mount = wire_transform_to_pose(p->mount[which]);
    return wire_transform_from_pose(base_pose_compose(&car, &mount));
}

/* Send one frame: the snapshot to whoever joined stream 1, an image to whoever joined the camera's. */
static void send_frame(peer *p, int fds[CONNECTIONS], uint32_t joined[CONNECTIONS])
{
    uint64_t frame = ++p->frame;
    uint8_t pixels[W * H * 4];
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)i;
    double time_s = (double)frame * 0.05;
    wire_actor_state actors[] = { { .id = 10, .life = WIRE_ACTOR_ACTIVE, .transform = car_at(p, frame) },
                                  { .id = 20, .life = WIRE_ACTOR_ACTIVE, .transform = camera_at(p, 0, frame) },
                                  { .id = 21, .life = WIRE_ACTOR_ACTIVE, .transform = camera_at(p, 1, frame) } };
    wire_snapshot s = { .episode_id = 77, .delta_seconds = 0.05F };
    for (int i = 0; i < CONNECTIONS; i++) {
        base_buffer b = { 0 };
        size_t start = wire_frame_begin(&b);
        int which = (int)joined[i] - CAMERA_STREAM;
        if (joined[i] == WIRE_STREAM_SNAPSHOT)
            wire_snapshot_append(&b, frame, time_s, &s, actors, 3, WIRE_0_9_16, NULL);
        else if ((which == 0 || which == 1) && !(p->skip_frame && frame > 101 && p->skip_frame--)) {
            base_sleep_s(p->slow_s);
            wire_image_append(&b, which ? WIRE_SENSOR_DEPTH : WIRE_SENSOR_RGB, frame + (uint64_t)p->ahead, time_s,
                              camera_at(p, which, frame - (uint64_t)p->pose_lag), &(wire_image){ W, H, 90 }, WIRE_0_9_16, NULL);
            base_buffer_append(&b, pixels, sizeof pixels);
        } else {
            base_buffer_free(&b);
            continue;
        }
        wire_frame_end(&b, start);
        if (p->bad_length && which == 0)
            memset(b.data, 0xff, 4);
        send_all(fds[i], b.data, b.bytes);
        base_buffer_free(&b);
        if (p->close_streams) {
            close(fds[i]);
            fds[i] = -1;
            joined[i] = 0;
        }
    }
}

/* Answer one request; false: close the connection. */
static bool answer(peer *p, int fd, const wire_request *r, wire_memory *m, int fds[CONNECTIONS], uint32_t joined[CONNECTIONS])
{
    const wire_method *method = wire_method_find(r->name, strlen(r->name), WIRE_0_9_16);
    base_buffer out = { 0 };
    bool keep = true, tick = false;
    wire_token token = { .stream_id = 1, .port = (uint16_t)p->stream_port, .protocol = 1 };
    uint8_t token_bytes[WIRE_TOKEN_BYTES];
    union {
        uint64_t u64;
        bool flag;
        const char *text;
        wire_episode_info info;
        wire_actor actor;
        wire_episode_settings settings;
        wire_actor_definition_list blueprints;
        wire_token token;
        wire_actor_list actors;
        wire_map_info map;
    } v;
    wire_transform start = car_at(p, 0);
    wire_attribute attributes[] = { { "sensor_tick", WIRE_ATTRIBUTE_FLOAT, "0.0", { NULL, 0 }, true, false },
                                    { "image_size_x", WIRE_ATTRIBUTE_INT, "800", { NULL, 0 }, true, false },
                                    { "image_size_y", WIRE_ATTRIBUTE_INT, "600", { NULL, 0 }, true, false },
                                    { "generation", WIRE_ATTRIBUTE_INT, "2", { NULL, 0 }, false, false },
                                    { "number_of_wheels", WIRE_ATTRIBUTE_INT, "4", { NULL, 0 }, false, false } };
    wire_actor_definition blueprints[] = { { 1, "sensor.camera.rgb", "sensor,camera,rgb", { attributes, 4 } },
                                           { 2, "vehicle.test.car", "vehicle,test,car", { attributes + 3, 2 } },
                                           { 3, "sensor.camera.depth", "sensor,camera,depth", { attributes, 4 } } };
    union {
        wire_args_settings settings;
        wire_args_stream stream;
        wire_args_spawn_with_parent spawn;
        wire_args_actors actors;
    } args = { 0 };
    wire_actor found = { .id = 0 };
    int which;
    memset(&v, 0, sizeof v);
    switch (method ? (int)method->id : -1) {
    case WIRE_METHOD_version: v.text = p->version; break;
    case WIRE_METHOD_get_episode_info: v.info = (wire_episode_info){ 77, token }; break;
    case WIRE_METHOD_get_sensor_token:
        wire_arguments_decode(&args, r, method, WIRE_0_9_16, m, NULL);
        token.stream_id = args.stream.stream_id;
        v.token = token;
        break;
    case WIRE_METHOD_get_episode_settings:
        v.settings = wire_episode_settings_default();
        v.settings.synchronous_mode = p->settings_calls ? p->synchronous : p->left_synchronous;
        v.settings.fixed_delta_seconds = (wire_optional_f64){ v.settings.synchronous_mode, 0.05 };
        break;
    case WIRE_METHOD_get_map_info: v.map = (wire_map_info){ "Carla/Maps/peer", { &start, 1 } }; break;
    case WIRE_METHOD_get_map_data: v.text = map; break;
    case WIRE_METHOD_get_actors_by_id: /* one actor at a time is all that is asked here */
        wire_arguments_decode(&args, r, method, WIRE_0_9_16, m, NULL);
        if (args.actors.actors.count == 1 && p->destroyed == 0) {
            found = (wire_actor){ .id = args.actors.actors.items[0], .description = { 2, "vehicle.test.car", { NULL, 0 } } };
            v.actors = (wire_actor_list){ &found, 1 };
        }
        break;
    case WIRE_METHOD_set_episode_settings:
        wire_arguments_decode(&args, r, method, WIRE_0_9_16, m, NULL);
        p->synchronous = args.settings.settings.synchronous_mode;
        p->settings_calls++;
        v.u64 = p->frame;
        break;
    case WIRE_METHOD_get_actor_definitions: v.blueprints = (wire_actor_definition_list){ blueprints, 3 }; break;
    case WIRE_METHOD_spawn_actor:
        v.actor = (wire_actor){ .id = 10, .description = { 2, "vehicle.test.car", { NULL, 0 } } };
        p->spawned++;
        break;
    case WIRE_METHOD_spawn_actor_with_parent:
        wire_arguments_decode(&args, r, method, WIRE_0_9_16, m, NULL);
        which = strcmp(args.spawn.description.id, "sensor.camera.depth") == 0;
        p->mount[which] = args.spawn.transform;
        v.actor = camera(&token, token_bytes, which);
        p->spawned++;
        break;
    case WIRE_METHOD_destroy_actor:
        v.flag = true;
        p->destroyed++;
        break;
    case WIRE_METHOD_tick_cue:
        v.u64 = p->frame + 1;
        tick = true;
        break;
    default: break;
    }
    if (p->late_answers)
        wire_result_encode(&out, r->id + 1000, wire_method_get(WIRE_METHOD_tick_cue), &(uint64_t){ 5 }, WIRE_0_9_16, NULL);
    if (is(r->name, p->silent_on))
        ;
    else if (is(r->name, p->rubbish_on))
        base_buffer_append(&out, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
    else if (is(r->name, p->bomb_on))
        base_buffer_append(&out, "\xdd\x10\x00\x00\x00", 5);
    else if (!method)
        wire_fault_encode(&out, r, NULL, WIRE_0_9_16, NULL);
    else if (is(r->name, p->refuse_on))
        wire_error_encode(&out, r->id, method, "Spawn failed because of collision at spawn position");
    else if (r->asynchronous)
        wire_unheeded_encode(&out, r->id, method);
    else
        wire_result_encode(&out, r->id, method, &v, WIRE_0_9_16, NULL);
    keep = !is(r->name, p->half_on);
    send_all(fd, out.data, keep ? out.bytes : out.bytes / 2);
    base_buffer_free(&out);
    if (tick)
        send_frame(p, fds, joined);
    return keep;
}

static void *run_peer(void *user)
{
    peer *p = user;
    int fds[CONNECTIONS], rpc = -1;
    uint32_t joined[CONNECTIONS] = { 0 };
    base_buffer in = { 0 };
    wire_scan scan;
    wire_memory *m = wire_memory_create(WIRE_MEMORY_DEFAULT, NULL);
    memset(fds, -1, sizeof fds);
    wire_scan_start(&scan, NULL);
    p->frame = 100;
    while (!p->stop) {
        struct pollfd f[3 + CONNECTIONS] = { { p->rpc_listen, POLLIN, 0 },
                                             { p->stream_listen, POLLIN, 0 },
                                             { rpc, POLLIN, 0 } };
        for (int i = 0; i < CONNECTIONS; i++)
            f[3 + i] = (struct pollfd){ joined[i] ? -1 : fds[i], POLLIN, 0 };
        poll(f, 3 + CONNECTIONS, 20);
        if (f[1].revents) {
            int i = 0;
            while (i < CONNECTIONS - 1 && fds[i] >= 0)
                i++;
            fds[i] = accept(p->stream_listen, NULL, NULL);
        }
        for (int i = 0; i < CONNECTIONS; i++) {
            uint8_t join[4];
            if (f[3 + i].revents && recv(fds[i], join, 4, MSG_WAITALL) == 4) {
                joined[i] = wire_join_read(join);
                p->joins++;
            }
        }
        if (f[0].revents) {
            rpc = accept(p->rpc_listen, NULL, NULL);
            base_buffer_clear(&in);
            wire_scan_start(&scan, NULL);
        }
        if (f[2].revents) {
            char chunk[4096];
            ssize_t n = recv(rpc, chunk, sizeof chunk, 0);
            if (n <= 0) {
                close(rpc);
                rpc = -1;
                continue;
            }
            base_buffer_append(&in, chunk, (size_t)n);
            while (in.bytes && wire_scan_feed(&scan, in.data, in.bytes, NULL) == WIRE_SCAN_COMPLETE) {
                wire_request r;
                bool ignore, keep = wire_request_decode(&r, &ignore, in.data, scan.offset, m, NULL) &&
                                    answer(p, rpc, &r, m, fds, joined);
                base_buffer_consume(&in, scan.offset);
                wire_scan_start(&scan, NULL);
                wire_memory_reset(m);
                if (!keep) {
                    close(rpc);
                    rpc = -1;
                    break;
                }
            }
        }
    }
    for (int i = 0; i < CONNECTIONS; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    if (rpc >= 0)
        close(rpc);
    base_buffer_free(&in);
    wire_memory_destroy(m);
    return NULL;
}

void peer_start(peer *p)
{
    if (!p->version)
        p->version = "0.9.16";
    p->rpc_listen = peer_listen_any(&p->rpc_port);
    p->stream_listen = peer_listen_any(&p->stream_port);
    if (pthread_create(&p->thread, NULL, run_peer, p) != 0)
        abort();
}

void peer_stop(peer *p)
{
    p->stop = true;
    pthread_join(p->thread, NULL);
    close(p->rpc_listen);
    close(p->stream_listen);
}
