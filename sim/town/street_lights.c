/* Street lights: the lamps of the scenery as lights that clients switch, dim and colour, and who still has to hear of it.
 *
 * A client that asked for the lights is told of every later change by others: snapshots carry CARLA's "pending" flag until all such
 * clients have asked again. One that never does (it is gone) is forgotten after a while, or the others would ask for ever. */
#include "sim/town/internal.h"
#include <stdlib.h>
#include <string.h>

#define DEFAULT_INTENSITY 1000.0f /* of a lamp; its lens then gives off LENS_EMISSION */
#define LENS_EMISSION     2.2
#define LENS_MOST         8.0
#define FORGET_FRAMES     400 /* frames that a client may leave a change unheard */

static void show(town_world *w, int index)
{
    const town_street_light *l = &w->street.lights[index];
    double emission = fmin(LENS_MOST, LENS_EMISSION * (double)l->intensity / DEFAULT_INTENSITY);
    float rgb[3];
    for (int k = 0; k < 3; k++)
        rgb[k] = (float)scene_linear_from_srgb(l->color[k] / 255.0);
    town_watch_hold(w->watch);
    town_scenery_lamp_set(w->scenery, index, l->is_on ? rgb : NULL, (float)fmax(0, emission));
    town_watch_release(w->watch);
}

bool town_street_lights_create(town_world *w, base_error *err)
{
    free(w->street.lights);
    /* Nobody has heard of the new lights. Who heard of the old ones asks again by itself, and must not be told to: the official
     * client's manager of an episode that is over ends its program when the flag reaches it. */
    memset(&w->street, 0, sizeof w->street);
    w->street.day_night = true;
    int count = w->scenery ? town_scenery_lamp_count(w->scenery) : 0;
    w->street.lights = calloc((size_t)count + 1, sizeof *w->street.lights);
    if (!w->street.lights)
        return base_fail(err, BASE_MEMORY, "out of memory for %d street lights", count);
    w->street.count = count;
    for (int i = 0; i < count; i++) {
        w->street.lights[i] = (town_street_light){ .id = (uint32_t)i + 1,
                                                   .location = town_scenery_lamp_at(w->scenery, i),
                                                   .intensity = DEFAULT_INTENSITY,
                                                   .group = TOWN_LIGHTS_STREET,
                                                   .color = { 255, 209, 163 } };
        show(w, i);
    }
    town_street_lights_daylight(w);
    return true;
}

void town_street_lights_destroy(town_world *w) { free(w->street.lights); }

int town_street_light_count(const town_world *w) { return w->street.count; }

town_street_light town_street_light_at(const town_world *w, int index) { return w->street.lights[index]; }

bool town_street_light_set(town_world *w, const town_street_light *l)
{
    if (l->id == 0 || l->id > (uint32_t)w->street.count || !isfinite(l->intensity) || l->intensity < 0)
        return false;
    town_street_light *mine = &w->street.lights[l->id - 1];
    base_vec3 place = mine->location; /* lamps do not walk */
    *mine = *l;
    mine->location = place;
    show(w, (int)l->id - 1);
    return true;
}

/* ---- who has to hear ---- */

static town_light_client *client_of(town_world *w, const char *name)
{
    for (int i = 0; i < w->street.client_count; i++)
        if (!strcmp(w->street.clients[i].name, name))
            return &w->street.clients[i];
    return NULL;
}

static void forget(town_world *w, town_light_client *c) { *c = w->street.clients[--w->street.client_count]; }

void town_street_lights_heard(town_world *w, const char *client)
{
    town_light_client *c = client_of(w, client);
    if (c) {
        c->is_behind = false;
        return;
    }
    if (strlen(client) >= sizeof c->name)
        return; /* no endpoint is that long; it gets its answer, but no news */
    if (w->street.client_count == TOWN_LIGHT_CLIENTS_MAX)
        memmove(&w->street.clients[0], &w->street.clients[1], (size_t)--w->street.client_count * sizeof w->street.clients[0]);
    c = &w->street.clients[w->street.client_count++];
    *c = (town_light_client){ .is_behind = false };
    strcpy(c->name, client);
}

void town_street_lights_changed(town_world *w, const char *by)
{
    for (int i = 0; i < w->street.client_count; i++) {
        town_light_client *c = &w->street.clients[i];
        if ((by && !strcmp(c->name, by)) || c->is_behind)
            continue;
        c->is_behind = true;
        c->since_frame = w->frame;
    }
}

void town_street_lights_leave(town_world *w, const char *client)
{
    town_light_client *c = client_of(w, client);
    if (c)
        forget(w, c);
}

bool town_street_lights_pending(town_world *w)
{
    bool pending = false;
    for (int i = w->street.client_count - 1; i >= 0; i--) {
        town_light_client *c = &w->street.clients[i];
        if (c->is_behind && w->frame - c->since_frame > FORGET_FRAMES)
            forget(w, c);
        else
            pending |= c->is_behind;
    }
    return pending;
}

/* ---- day and night ---- */

void town_street_lights_daylight(town_world *w)
{
    bool night = w->weather.sun_altitude_deg < 0;
    if (!w->street.day_night || night == w->street.is_night)
        return; /* only dusk and dawn switch: what a client chose in between stays */
    w->street.is_night = night;
    for (int i = 0; i < w->street.count; i++) {
        w->street.lights[i].is_on = night;
        show(w, i);
    }
    town_street_lights_changed(w, NULL);
}

void town_street_lights_cycle(town_world *w, bool active)
{
    w->street.day_night = active;
    town_street_lights_daylight(w);
}
