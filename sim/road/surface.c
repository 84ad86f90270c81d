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

/* t of a lane's outer border, from its inner one. */
static road_value outer_t(const road_map *m, const road_lane *l, road_value zero, road_value inner, int sign, double at,
                          double pick)
{
    if (!l->border)
        return add_scaled(inner, width_value(m, l, at, pick), sign);
    /* the record is the outer border itself, measured from the centre line */
    road_value outer = add_scaled(zero, road_cubic_at(m->widths.items + l->first_width, l->width_count, at, pick), 1);
    return sign * (outer.v - inner.v) < 0 ? inner : outer;
}

road_value road_lane_t(const road_map *m, const road_section *sec, int lane, int side, double s)
{
    const road_road *r = &m->roads.items[sec->road];
    double at = clamp_into(sec, s), pick = road_section_pick(sec, s);
    road_value zero = road_cubic_at(m->offsets.items + r->first_offset, r->offset_count, at, pick), inner = zero;
    int sign = lane < 0 ? -1 : 1;
    for (int id = sign; lane != 0; id += sign) {
        const road_lane *l = &m->lanes.items[sec->first_lane + id - sec->low];
        road_value outer = outer_t(m, l, zero, inner, sign, at, pick);
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

/* A cross-section of a road: the line on which all its points at one s lie. */
typedef struct cross {
    double x, y, z, left_x, left_y, left_z; /* left: OpenDRIVE's, per metre of t */
} cross;

static cross cross_of(road_frame f, profile p)
{
    double flat = p.super == 0 ? 1 : cos(p.super);
    return (cross){ f.x, f.y, p.z, -flat * f.sine, flat * f.cosine, p.super == 0 ? 0 : sin(p.super) };
}

/* Point at offset t (left) and h above the surface, CARLA frame. Superelevation turns the cross-section about the
 * reference line; h stays vertical (roads are nearly level). */
static base_vec3 cross_point(cross c, double t, double h)
{
    return (base_vec3){ c.x + t * c.left_x, -(c.y + t * c.left_y), c.z + t * c.left_z + h };
}

static base_vec3 surface_point(road_frame f, profile p, double t, double h) { return cross_point(cross_of(f, p), t, h); }

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

/* One side of a row: lanes from the centre line outwards. */
static void fill_row(const road_map *m, const road_section *sec, cross c, road_value zero, int sign, double at, double pick,
                     road_row *rows)
{
    double inner = zero.v;
    for (int id = sign; id >= sec->low && id <= sec->high; id += sign) {
        const road_lane *l = &m->lanes.items[sec->first_lane + id - sec->low];
        double outer = outer_t(m, l, zero, (road_value){ inner, 0, 0 }, sign, at, pick).v, h_in, h_out;
        lane_heights(m, l, pick, &h_in, &h_out);
        rows[id - sec->low] = (road_row){ cross_point(c, (inner + outer) / 2, (h_in + h_out) / 2), cross_point(c, inner, h_in),
                                          cross_point(c, outer, h_out) };
        inner = outer;
    }
}

void road_section_row(const road_map *m, const road_section *sec, double s, road_row *rows)
{
    const road_road *r = &m->roads.items[sec->road];
    double at = clamp_into(sec, s), pick = road_section_pick(sec, s);
    cross c = cross_of(road_reference_at(m, r, at), profile_at(m, r, at, pick));
    road_value zero = road_cubic_at(m->offsets.items + r->first_offset, r->offset_count, at, pick);
    base_vec3 middle = cross_point(c, zero.v, 0);
    rows[-sec->low] = (road_row){ middle, middle, middle };
    fill_row(m, sec, c, zero, -1, at, pick, rows);
    fill_row(m, sec, c, zero, 1, at, pick, rows);
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

/* Records bend within their span when their square or cube does. */
static bool is_bent(const road_cubic *records, int count, double s)
{
    if (count == 0)
        return false;
    int lo = 0, hi = count;
    while (hi - lo > 1) {
        int middle = (lo + hi) / 2;
        if (records[middle].start <= s)
            lo = middle;
        else
            hi = middle;
    }
    return records[lo].c != 0 || records[lo].d != 0;
}

/* At how many places must the sag of a span be looked at: 0 where all is straight, 1 where it is the same all along. No record
 * begins inside a span. */
static int places_to_look(const road_map *m, const road_section *sec, double a, double b)
{
    const road_road *r = &m->roads.items[sec->road];
    double middle = (a + b) / 2;
    bool bent = is_bent(m->elevations.items + r->first_elevation, r->elevation_count, middle) ||
                is_bent(m->offsets.items + r->first_offset, r->offset_count, middle);
    for (int i = 0; i < r->super_count && !bent; i++) { /* a cross-section that turns bends every border */
        const road_cubic *k = &m->supers.items[r->first_super + i];
        bent = k->b != 0 || k->c != 0 || k->d != 0;
    }
    for (int i = 0; i < sec->lane_count && !bent; i++) {
        const road_lane *l = &m->lanes.items[sec->first_lane + i];
        bent = is_bent(m->widths.items + l->first_width, l->width_count, middle);
    }
    road_geometry_kind kind = road_geometry_of(m, r, middle)->kind;
    return bent || kind == ROAD_SPIRAL || kind == ROAD_PARAMETRIC ? 4 : kind == ROAD_ARC ? 1 : 0;
}

/* Split (a, b) evenly so that the outermost borders and the centre stay within the error; sag falls with the square of the step. */
static void sample_span(const road_map *m, const road_section *sec, double a, double b, double error, double step,
                        sample_list *list)
{
    int places = places_to_look(m, sec, a, b);
    /* where sag differs along the span it is measured on parts of it: the middle of a whole taper lies on the taper's chord */
    double parts = fmax(ceil((b - a) / step - 1e-9), 1), first = fmax(parts, places), sag = 0;
    double h = (b - a) / fmax(first, 1);
    for (int i = 0; i < places; i++) {
        double x = a + (b - a - h) * i / 3;
        sag = fmax(sag, border_sag(m, sec, 0, 1, x, x + h));
        sag = fmax(sag, border_sag(m, sec, sec->low, 2, x, x + h));
        sag = fmax(sag, border_sag(m, sec, sec->high, 2, x, x + h));
    }
    double n = fmin(ceil(first * sqrt(sag / error) - 1e-9), 1e6);
    n = fmax(n, parts);
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
