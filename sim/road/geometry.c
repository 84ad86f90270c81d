/* The reference line: line, arc, spiral and the two polynomial curves of OpenDRIVE's planView. */
#include "sim/road/road_map.h"
#include <assert.h>

/* Gauss-Legendre, 5 points on [-1, 1]: exact for polynomials of degree 9. */
static const double gauss_x[5] = { 0, -0.5384693101056831, 0.5384693101056831, -0.9061798459386640, 0.9061798459386640 };
static const double gauss_w[5] = { 0.5688888888888889, 0.4786286704993665, 0.4786286704993665, 0.2369268850561891,
                                   0.2369268850561891 };

/* x, y of the integral of (cos, sin)(k0 t + kd t^2 / 2) over t in [0, ds], in pieces that turn by at most half a radian:
 * the error then is below 1e-12 of the length. */
static void spiral_integrate(double k0, double kd, double ds, double *x, double *y)
{
    double k_max = fmax(fabs(k0), fabs(k0 + kd * ds));
    int pieces = (int)fmin(ceil(k_max * fabs(ds) / 0.5) + 1, 2.0 * ROAD_SPIRAL_TURN_MAX + 2);
    double sx = 0, sy = 0, half = ds / pieces / 2;
    for (int i = 0; i < pieces; i++) {
        double middle = half * (2 * i + 1);
        for (int j = 0; j < 5; j++) {
            double t = middle + half * gauss_x[j], theta = k0 * t + kd * t * t / 2;
            sx += gauss_w[j] * cos(theta);
            sy += gauss_w[j] * sin(theta);
        }
    }
    *x = sx * half;
    *y = sy * half;
}

static double cubic_value(const double c[4], double p) { return c[0] + p * (c[1] + p * (c[2] + p * c[3])); }
static double cubic_slope(const double c[4], double p) { return c[1] + p * (2 * c[2] + 3 * c[3] * p); }
static double cubic_bend(const double c[4], double p) { return 2 * c[2] + 6 * c[3] * p; }

static double parametric_rate(const road_parametric *c, double p) { return hypot(cubic_slope(c->u, p), cubic_slope(c->v, p)); }

static double parametric_arc(const road_parametric *c, double from, double to)
{
    double half = (to - from) / 2, middle = (to + from) / 2, sum = 0;
    for (int j = 0; j < 5; j++)
        sum += gauss_w[j] * parametric_rate(c, middle + half * gauss_x[j]);
    return sum * half;
}

/* p_end > 0 is the parameter's range; p_end = 0 means poly3 (u = p): the range follows from the arc length. */
bool road_parametric_prepare(road_parametric *c, double p_end, double length)
{
    if (p_end <= 0) {
        p_end = length; /* |du/ds| <= 1: an upper bound; bisect the arc length down to it */
        double lo = 0, hi = length;
        for (int i = 0; i < 60; i++) {
            double middle = (lo + hi) / 2, arc = 0;
            for (int j = 0; j < ROAD_TABLE; j++)
                arc += parametric_arc(c, middle * j / ROAD_TABLE, middle * (j + 1) / ROAD_TABLE);
            if (arc > length)
                hi = middle;
            else
                lo = middle;
        }
        p_end = (lo + hi) / 2;
    }
    c->p_end = p_end;
    c->arc[0] = 0;
    for (int j = 0; j < ROAD_TABLE; j++)
        c->arc[j + 1] = c->arc[j] + parametric_arc(c, p_end * j / ROAD_TABLE, p_end * (j + 1) / ROAD_TABLE);
    double whole = c->arc[ROAD_TABLE];
    if (!isfinite(whole) || whole < 1e-9)
        return false;
    for (int j = 0; j <= ROAD_TABLE; j++) /* the curve must end where the file says the geometry ends */
        c->arc[j] *= length / whole;
    return true;
}

/* Parameter at arc length ds: table interval, then Newton inside it. */
static double parametric_solve(const road_parametric *c, double ds)
{
    int lo = 0, hi = ROAD_TABLE;
    while (hi - lo > 1) {
        int middle = (lo + hi) / 2;
        if (c->arc[middle] <= ds)
            lo = middle;
        else
            hi = middle;
    }
    double span = c->arc[hi] - c->arc[lo], p0 = c->p_end * lo / ROAD_TABLE, p1 = c->p_end * hi / ROAD_TABLE;
    if (span <= 0)
        return p0;
    double scale = span / fmax(parametric_arc(c, p0, p1), 1e-300); /* table metres per curve metre */
    double p = p0 + (p1 - p0) * (ds - c->arc[lo]) / span;
    for (int i = 0; i < 4; i++) {
        double rate = parametric_rate(c, p) * scale;
        if (rate < 1e-12)
            break;
        p -= (c->arc[lo] + scale * parametric_arc(c, p0, p) - ds) / rate;
        p = fmin(fmax(p, p0), p1);
    }
    return p;
}

road_frame road_geometry_at(const road_map *m, const road_geometry *g, double ds)
{
    double c = g->cosine, s = g->sine, u = ds, v = 0;
    road_frame f = { .heading = g->heading, .cosine = c, .sine = s, .curvature = g->k0 + g->kd * ds, .curvature_rate = g->kd };
    switch (g->kind) {
    case ROAD_LINE: break;
    case ROAD_ARC: {
        double half = g->k0 * ds / 2, chord = fabs(half) < 1e-6 ? ds * (1 - half * half / 6) : ds * sin(half) / half;
        u = chord * cos(half);
        v = chord * sin(half);
        f.heading += g->k0 * ds;
        break;
    }
    case ROAD_SPIRAL:
        spiral_integrate(g->k0, g->kd, ds, &u, &v);
        f.heading += g->k0 * ds + g->kd * ds * ds / 2;
        break;
    case ROAD_PARAMETRIC: {
        const road_parametric *q = &m->parametrics.items[g->parametric];
        double p = parametric_solve(q, ds), du = cubic_slope(q->u, p), dv = cubic_slope(q->v, p),
               rate = fmax(hypot(du, dv), 1e-9);
        u = cubic_value(q->u, p);
        v = cubic_value(q->v, p);
        f.heading += atan2(dv, du);
        f.curvature = (du * cubic_bend(q->v, p) - dv * cubic_bend(q->u, p)) / (rate * rate * rate);
        f.curvature_rate = 0;
        break;
    }
    }
    if (g->kind != ROAD_LINE)
        f.cosine = cos(f.heading), f.sine = sin(f.heading);
    f.x = g->x + u * c - v * s;
    f.y = g->y + u * s + v * c;
    return f;
}

const road_geometry *road_geometry_of(const road_map *m, const road_road *r, double s)
{
    const road_geometry *g = m->geometries.items + r->first_geometry;
    int lo = 0, hi = r->geometry_count;
    assert(hi > 0);
    while (hi - lo > 1) {
        int middle = (lo + hi) / 2;
        if (g[middle].s <= s)
            lo = middle;
        else
            hi = middle;
    }
    return &g[lo];
}

road_frame road_reference_at(const road_map *m, const road_road *r, double s)
{
    const road_geometry *g = road_geometry_of(m, r, s);
    return road_geometry_at(m, g, fmin(fmax(s - g->s, 0), g->length));
}
