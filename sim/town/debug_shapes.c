/* What clients draw into the world for people to look at: kept, at most TOWN_SHAPES_MAX, until its time is over. */
#include "sim/town/internal.h"
#include <stdlib.h>
#include <string.h>

static bool finite3(base_vec3 v) { return isfinite(v.x) && isfinite(v.y) && isfinite(v.z); }

static void drop(town_world *w, int index)
{
    struct town_drawn *d = &w->drawn;
    d->count--;
    memmove(&d->shapes[index], &d->shapes[index + 1], (size_t)(d->count - index) * sizeof *d->shapes);
}

bool town_debug_draw(town_world *w, const town_debug_shape *shape, double life_s, base_error *err)
{
    struct town_drawn *d = &w->drawn;
    base_vec3 turn = { shape->rotation.pitch_deg, shape->rotation.yaw_deg, shape->rotation.roll_deg };
    if (!finite3(shape->from) || !finite3(shape->to) || !finite3(turn) || !isfinite(shape->size) || isnan(life_s))
        return base_fail(err, BASE_ARGUMENT, "draw_debug_shape: a place, size or life time that is no number");
    if (!d->shapes && !(d->shapes = malloc(TOWN_SHAPES_MAX * sizeof *d->shapes)))
        return base_fail(err, BASE_MEMORY, "draw_debug_shape: out of memory");
    if (d->count == TOWN_SHAPES_MAX)
        drop(w, 0);
    town_debug_shape *s = &d->shapes[d->count++];
    *s = *shape;
    s->since_s = w->elapsed_s;
    s->until_s = life_s < 0 ? INFINITY : w->elapsed_s + life_s;
    return true;
}

int town_debug_count(const town_world *w) { return w->drawn.count; }

const town_debug_shape *town_debug_at(const town_world *w, int index) { return &w->drawn.shapes[index]; }

static void keep(town_world *w, bool (*stays)(const town_world *w, const town_debug_shape *s))
{
    struct town_drawn *d = &w->drawn;
    int count = 0;
    for (int i = 0; i < d->count; i++)
        if (stays(w, &d->shapes[i]))
            d->shapes[count++] = d->shapes[i];
    d->count = count;
}

/* A life of 0 is the frame in which it was drawn. */
static bool lives(const town_world *w, const town_debug_shape *s) { return w->elapsed_s <= s->until_s; }
static bool is_text(const town_world *w, const town_debug_shape *s) { return (void)w, s->kind == TOWN_SHAPE_TEXT; }
static bool is_no_text(const town_world *w, const town_debug_shape *s) { return (void)w, s->kind != TOWN_SHAPE_TEXT; }

void town_debug_tick(town_world *w) { keep(w, lives); }
void town_debug_clear_shapes(town_world *w) { keep(w, is_text); }
void town_debug_clear_texts(town_world *w) { keep(w, is_no_text); }
