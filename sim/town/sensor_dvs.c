/* The dynamic vision sensor, as CARLA 0.9.13 - 0.9.16 model it (DVSCamera.cpp, after Rebecq et al., ESIM, 2018): each pixel's
 * brightness L (log(log_eps + grey), or grey itself) is taken to run in a straight line from one picture to the next, and every
 * time it crosses a multiple of the threshold from the last crossing an event is sent, unless the pixel's last one is less than
 * refractory_period_ns old. sigma_* spread the threshold, which then is at least 0.01. The first picture sends nothing. */
#include "sim/town/sense.h"
#include <stdlib.h>
#include <string.h>

typedef struct dvs_pass {
    const town_actor *camera;
    const uint8_t *bgra;
    float *now;
} dvs_pass;

static void brightness(void *user, int row, int worker)
{
    (void)worker;
    const dvs_pass *p = user;
    const town_dvs *d = &p->camera->sense->is.dvs;
    size_t width = (size_t)p->camera->camera.width_px, first = (size_t)row * width;
    for (size_t i = first; i < first + width; i++) {
        const uint8_t *c = p->bgra + 4 * i;
        double grey = 0.2989 * c[2] + 0.587 * c[1] + 0.114 * c[0];
        p->now[i] = (float)(d->use_log ? log(d->log_eps + grey / 255) : grey);
    }
}

static bool add_event(struct town_sense *s, size_t *count, town_dvs_event e)
{
    if (*count == s->event_capacity) {
        size_t wanted = s->event_capacity ? 2 * s->event_capacity : 4096;
        town_dvs_event *more = wanted <= TOWN_POINTS_MAX ? realloc(s->events, wanted * sizeof *more) : NULL;
        if (!more)
            return wanted > TOWN_POINTS_MAX; /* a message holds no more: the rest is lost */
        s->events = more;
        s->event_capacity = wanted;
    }
    s->events[(*count)++] = e;
    return true;
}

/* Crossings of one pixel between two pictures; false: out of memory. */
static bool pixel_events(struct town_sense *s, size_t i, uint16_t x, uint16_t y, float now, int64_t step_ns, base_random *r,
                         size_t *count)
{
    const town_dvs *d = &s->is.dvs;
    double before = s->before[i], change = (double)now - before;
    if (fabs(change) <= 1e-6)
        return true;
    bool up = change > 0;
    double threshold = up ? d->threshold_up : d->threshold_down, sigma = up ? d->sigma_up : d->sigma_down;
    if (sigma > 0)
        threshold = fmax(0.01, threshold + sigma * base_random_normal(r));
    for (;;) {
        double crossing = s->reference[i] + (up ? threshold : -threshold);
        if (up ? crossing <= before || crossing > now : crossing >= before || crossing < now)
            return true;
        int64_t t = s->time_ns + (int64_t)((crossing - before) / change * (double)step_ns);
        bool rested = s->event_ns[i] < 0 || t - s->event_ns[i] >= d->refractory_ns;
        if (rested && !add_event(s, count, (town_dvs_event){ x, y, t, up }))
            return false;
        s->event_ns[i] = rested ? t : s->event_ns[i];
        if (s->reference[i] == (float)crossing) /* a threshold below what float can tell */
            return true;
        s->reference[i] = (float)crossing;
    }
}

static int earlier(const void *a, const void *b)
{
    const town_dvs_event *x = a, *y = b;
    if (x->time_ns != y->time_ns)
        return x->time_ns < y->time_ns ? -1 : 1;
    if (x->y != y->y)
        return x->y < y->y ? -1 : 1;
    return x->x != y->x ? (x->x < y->x ? -1 : 1) : 0;
}

static bool make_buffers(struct town_sense *s, size_t pixels, base_error *err)
{
    s->before = malloc(pixels * sizeof *s->before);
    s->reference = malloc(pixels * sizeof *s->reference);
    s->event_ns = malloc(pixels * sizeof *s->event_ns);
    if (!s->before || !s->reference || !s->event_ns)
        return base_fail(err, BASE_MEMORY, "out of memory for %zu pixels of a DVS camera", pixels);
    for (size_t i = 0; i < pixels; i++)
        s->event_ns[i] = -1;
    return true;
}

bool town_dvs_measure(town_world *w, town_actor *camera, const uint8_t *bgra, const town_sink *sink, base_error *err)
{
    struct town_sense *s = camera->sense;
    int width = camera->camera.width_px, height = camera->camera.height_px;
    size_t pixels = (size_t)width * (size_t)height, count = 0;
    bool first = !s->before;
    if ((first && !make_buffers(s, pixels, err)) || !town_sense_room(s, pixels * sizeof(float), err))
        return false;
    float *now = s->items;
    dvs_pass pass = { camera, bgra, now };
    base_pool_run(w->options.pool, height, brightness, &pass);
    int64_t time_ns = (int64_t)(w->elapsed_s * 1e9);
    for (int y = 0; y < height && !first; y++) {
        base_random r = town_sense_random(w, camera, "dvs", (uint64_t)y);
        for (int x = 0; x < width; x++) {
            size_t i = (size_t)y * (size_t)width + (size_t)x;
            if (!pixel_events(s, i, (uint16_t)x, (uint16_t)y, now[i], time_ns - s->time_ns, &r, &count))
                return base_fail(err, BASE_MEMORY, "out of memory for %zu events", count);
        }
    }
    memcpy(s->before, now, pixels * sizeof *now);
    if (first)
        memcpy(s->reference, now, pixels * sizeof *now);
    s->time_ns = time_ns;
    if (count == 0)
        return true;
    qsort(s->events, count, sizeof *s->events, earlier);
    town_measurement m = town_measurement_of(w, camera);
    m.width_px = width;
    m.height_px = height;
    m.fov_deg = (float)camera->camera.fov_deg;
    m.events = s->events;
    m.item_count = count;
    sink->measurement(sink->user, &m);
    return true;
}
