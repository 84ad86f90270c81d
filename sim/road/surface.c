/* Profiles and lanes: where borders and centres lie, in the plane and in height. */
#include "sim/road/road_map.h"
#include <assert.h>
#include <stdlib.h>

road_value road_cubic_at(const road_cubic *records, int count, double s, double s_pick)
{
    if (count == 0)
        return (road_value){ 0, 0, 0 };
    int lo = 0, hi = count;
    while (hi - lo > 1) {
        int middle = (lo + hi) / 2;
        if (records[middle].start <= s_pick)
            lo = middle;
        else
            hi = middle;
    }
    const road_cubic *r = &records[lo];
    double ds = fmax(s - r->start, 0);
    return (road_value){ r->a + ds * (r->b + ds * (r->c + ds * r->d)), r->b + ds * (2 * r->c + 3 * r->d * ds),
                         2 * r->c + 6 * r->d * ds };
}

double road_section_pick(const road_section *sec, double s)
{
    double hair = fmin(1e-5, (sec->s1 - sec->s0) / 4);
    return fmin(fmax(s, sec->s0 + hair), sec->s1 - hair);
}

static double clamp_into(const road_section *sec, double s) { return fmin(fmax(s, sec->s0), sec->s1); }

static road_value add_scaled(road_value a, road_value b, double k)
{
    return (road_value){ a.v + k * b.v, a.d1 + k * b.d1, a.d2 + k * b.d2 };
}

/* Width polynomial, never negative: maps let lanes vanish with rounding noise below zero. */
static road_value width_value(const road_map *m, const road_lane *l, double s, double pick)
{
    road_value w = road_cubic_at(m->widths.items + l->first_width, l->width_count, s, pick);
    return w.v < 0 ? (road_value){ 0, 0, 0 } : w;
}

road_value road_lane_t(const road_map *m, const road_section *sec, int lane, int side, double s)
{
    const road_road *r = &m->roads.items[sec->road];
    double at = clamp_into(sec, s), pick = road_section_pick(sec, s);
    road_value zero = road_cubic_at(m->offsets.items + r->first_offset, r->offset_count, at, pick), inner = zero;
    int sign = lane < 0 ? -1 : 1;
    for (int id = sign; lane != 0; id += sign) {
        const road_lane *l = &m->lanes.items[sec->first_lane + id - sec->low];
        road_value w = width_value(m, l, at, pick), outer;
        if (l->border) { /* the record is the outer border itself, measured from the centre line */
            outer = add_scaled(zero, road_cubic_at(m->widths.items + l->first_width, l->width_count, at, pick), 1);
            if (sign * (outer.v - inner.v) < 0)
                outer = inner;
        } else {
            outer = add_scaled(inner, w, sign);
        }
        if (id == lane) {
            road_value middle = { (inner.v + outer.v) / 2, (inner.d1 + outer.d1) / 2, (inner.d2 + outer.d2) / 2 };
            return side == 0 ? inner : side == 1 ? middle : outer;
        }
        inner = outer;
    }
    return inner;
}

double road_width_at(const road_map *m, const road_lane *l, double s)
{
    const road_section *sec = &m->sections.items[l->section];
    if (l->id == 0)
        return 0;
    if (l->border)
        return fabs(road_lane_t(m, sec, l->id, 2, s).v - road_lane_t(m, sec, l->id, 0, s).v);
    return width_value(m, l, clamp_into(sec, s), road_section_pick(sec, s)).v;
}

double road_lane_width(const road_map *m, int road, int section, int lane, double s)
{
    return road_width_at(m, &m->lanes.items[road_lane_index(m, road, section, lane)], s);
}

static void lane_heights(const road_map *m, const road_lane *l, double pick, double *inner, double *outer)
{
    *inner = *outer = 0;
    const road_height *h = m->heights.items + l->first_height;
    for (int i = 0; i < l->height_count && (i == 0 || h[i].start <= pick); i++)
        *inner = h[i].inner, *outer = h[i].outer;
}

typedef struct profile {
    double z, slope, super;
} profile;

static profile profile_at(const road_map *m, const road_road *r, double s, double pick)
{
    road_value e = road_cubic_at(m->elevations.items + r->first_elevation, r->elevation_count, s, pick);
    road_value f = road_cubic_at(m->supers.items + r->first_super, r->super_count, s, pick);
    return (profile){ e.v, e.d1, f.v };
}

/* Point at offset t (left) and h above the surface, CARLA frame. Superelevation turns the cross-section about the
 * reference line; h stays vertical (roads are nearly level). */
static base_vec3 surface_point(road_frame f, profile p, double t, double h)
{
    double flat = t * cos(p.super);
    return (base_vec3){ f.x - flat * sin(f.heading), -(f.y + flat * cos(f.heading)), p.z + t * sin(p.super) + h };
}

road_center road_lane_center(const road_map *m, const road_lane *l, double s)
{
    const road_section *sec = &m->sections.items[l->section];
    const road_road *r = &m->roads.items[sec->road];
    double at = clamp_into(sec, s), pick = road_section_pick(sec, s), inner, outer;
    road_frame f = road_reference_at(m, r, at);
    profile p = profile_at(m, r, at, pick);
    road_value t = road_lane_t(m, sec, l->id, 1, at);
    lane_heights(m, l, pick, &inner, &outer);
    /* c(s) = r + t N: c' = (1 - k t) T + t' N, c'' = (-k' t - 2 k t') T + ((1 - k t) k + t'') N */
    double forward = 1 - f.curvature * t.v, side = t.d1, rate = fmax(hypot(forward, side), 1e-9);
    double bend = forward * (forward * f.curvature + t.d2) + side * (f.curvature_rate * t.v + 2 * f.curvature * side);
    double heading = f.heading + atan2(side, forward);
    return (road_center){ .at = surface_point(f, p, t.v, (inner + outer) / 2),
                          .along = { rate * cos(heading), -rate * sin(heading), p.slope + t.d1 * sin(p.super) },
                          .heading = heading,
                          .reference = f.heading,
                          .aside = side,
                          .curvature = bend / (rate * rate * rate),
                          .roll = p.super };
}

void road_lane_borders(const road_map *m, int road, int section, int lane, double s, base_vec3 *inner, base_vec3 *outer)
{
    const road_lane *l = &m->lanes.items[road_lane_index(m, road, section, lane)];
    const road_section *sec = &m->sections.items[l->section];
    const road_road *r = &m->roads.items[road];
    double at = clamp_into(sec, s), pick = road_section_pick(sec, s), h_in, h_out;
    road_frame f = road_reference_at(m, r, at);
    profile p = profile_at(m, r, at, pick);
    lane_heights(m, l, pick, &h_in, &h_out);
    if (inner)
        *inner = surface_point(f, p, road_lane_t(m, sec, lane, 0, at).v, h_in);
    if (outer)
        *outer = surface_point(f, p, road_lane_t(m, sec, lane, 2, at).v, h_out);
}

base_pose road_surface_pose(const road_map *m, int road, double s, double t_m, double h_m)
{
    assert(road >= 0 && road < m->roads.count);
    const road_road *r = &m->roads.items[road];
    double at = fmin(fmax(s, 0), r->length);
    road_frame f = road_reference_at(m, r, at);
    profile p = profile_at(m, r, at, at);
    return (base_pose){ surface_point(f, p, -t_m, h_m),
                        { BASE_DEG(atan(p.slope)), base_wrap_deg(-BASE_DEG(f.heading)), BASE_DEG(p.super) } };
}

/* ---- Sampling ---- */

typedef struct sample_list {
    double *s;
    int count, capacity;
} sample_list;

static void sample_add(sample_list *list, double s)
{
    if (list->s && list->count < list->capacity)
        list->s[list->count] = s;
    list->count++;
}

/* Sag of one border between a and b: how far its middle is from the middle of the chord. */
static double border_sag(const road_map *m, const road_section *sec, int lane, int side, double a, double b)
{
    const road_road *r = &m->roads.items[sec->road];
    base_vec3 p[3];
    double s[3] = { a, (a + b) / 2, b };
    for (int i = 0; i < 3; i++)
        p[i] = surface_point(road_reference_at(m, r, s[i]), profile_at(m, r, s[i], road_section_pick(sec, s[i])),
                             road_lane_t(m, sec, lane, side, s[i]).v, 0);
    return base_vec3_length(base_vec3_sub(p[1], base_vec3_scale(base_vec3_add(p[0], p[2]), 0.5)));
}

/* Split (a, b) evenly so that the outermost borders and the centre stay within the error; sag falls with the square of the step. */
static void sample_span(const road_map *m, const road_section *sec, double a, double b, double error, double step,
                        sample_list *list)
{
    double parts = ceil((b - a) / step - 1e-9), first = fmax(parts, 1), sag = 0;
    double h = (b - a) / first;
    for (int i = 0; i < 4; i++) { /* a curve's sag differs along a spiral: look at four places */
        double x = a + (b - a - h) * i / 3;
        sag = fmax(sag, border_sag(m, sec, 0, 1, x, x + h));
        sag = fmax(sag, border_sag(m, sec, sec->low, 2, x, x + h));
        sag = fmax(sag, border_sag(m, sec, sec->high, 2, x, x + h));
    }
    double n = fmin(ceil(first * sqrt(sag / error) - 1e-9), 1e6);
    n = fmax(n, first);
    for (int i = 0; i < (int)n; i++)
        sample_add(list, a + (b - a) * i / n);
}

static int compare_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int add_starts(double *out, int n, const road_cubic *records, int count)
{
    for (int i = 0; i < count; i++)
        out[n++] = records[i].start;
    return n;
}

int road_section_samples(const road_map *m, int road, int section, double max_error_m, double max_step_m, double *s,
                         int capacity)
{
    assert(road >= 0 && road < m->roads.count && section >= 0 && section < m->roads.items[road].section_count);
    const road_road *r = &m->roads.items[road];
    const road_section *sec = &m->sections.items[r->first_section + section];
    int breaks = 2 + r->geometry_count + r->elevation_count + r->super_count + r->offset_count;
    for (int i = 0; i < sec->lane_count; i++) {
        const road_lane *l = &m->lanes.items[sec->first_lane + i];
        breaks += l->width_count + l->mark_count + l->height_count;
    }
    sample_list list = { s, 0, capacity };
    double *at = malloc(sizeof *at * (size_t)breaks);
    if (!at) { /* without memory the even grid still is a valid, coarser answer */
        sample_add(&list, sec->s0);
        sample_add(&list, sec->s1);
        return list.count;
    }
    int n = 0;
    at[n++] = sec->s0;
    at[n++] = sec->s1;
    for (int i = 0; i < r->geometry_count; i++)
        at[n++] = m->geometries.items[r->first_geometry + i].s;
    n = add_starts(at, n, m->elevations.items + r->first_elevation, r->elevation_count);
    n = add_starts(at, n, m->supers.items + r->first_super, r->super_count);
    n = add_starts(at, n, m->offsets.items + r->first_offset, r->offset_count);
    for (int i = 0; i < sec->lane_count; i++) {
        const road_lane *l = &m->lanes.items[sec->first_lane + i];
        n = add_starts(at, n, m->widths.items + l->first_width, l->width_count);
        for (int j = 0; j < l->mark_count; j++)
            at[n++] = m->marks.items[l->first_mark + j].s0;
        for (int j = 0; j < l->height_count; j++)
            at[n++] = m->heights.items[l->first_height + j].start;
    }
    qsort(at, (size_t)n, sizeof *at, compare_double);
    double from = sec->s0, error = fmax(max_error_m, 1e-4), step = fmax(max_step_m, 0.01);
    for (int i = 0; i < n; i++) {
        if (at[i] <= from + 1e-6 || at[i] >= sec->s1 - 1e-6)
            continue;
        sample_span(m, sec, from, at[i], error, step, &list);
        from = at[i];
    }
    if (sec->s1 > from)
        sample_span(m, sec, from, sec->s1, error, step, &list);
    sample_add(&list, sec->s1);
    free(at);
    return list.count;
}
