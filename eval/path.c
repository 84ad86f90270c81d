#include "eval/path.h"
#include <math.h>
#include <string.h>

enum { MAX_SAMPLES = 4096, UNKNOWNS = 5 };

static const double X_SCALE_M = 20.0; /* keeps the normal equations well conditioned */

typedef struct sample {
    double x, y, sigma;
    int side; /* -1 left border, +1 right border, 0 the path itself; set by assign */
    bool used;
} sample;

eval_path eval_path_straight(double lane_width_m) { return (eval_path){ .x_far = 20.0, .lane_width_m = lane_width_m }; }

double eval_path_at(const eval_path *p, double x) { return p->c[0] + x * (p->c[1] + x * (p->c[2] + x * p->c[3])); }

double eval_path_heading(const eval_path *p, double x) { return p->c[1] + x * (2 * p->c[2] + x * 3 * p->c[3]); }

double eval_path_curvature(const eval_path *p, double x)
{
    double slope = eval_path_heading(p, x);
    return (2 * p->c[2] + 6 * p->c[3] * x) / pow(1 + slope * slope, 1.5);
}

eval_path eval_path_moved(const eval_path *p, double ds_m, double dyaw_rad)
{
    eval_path q = *p;
    double s = ds_m;
    q.c[0] = eval_path_at(p, s) - 0.5 * s * dyaw_rad; /* the arc leaves its tangent by ds dyaw / 2 */
    q.c[1] = eval_path_heading(p, s) - dyaw_rad;
    q.c[2] = p->c[2] + 3 * p->c[3] * s;
    q.x_near = fmax(0, p->x_near - s);
    q.x_far = fmax(0, p->x_far - s);
    return q;
}

bool eval_ground_point(const dataset_camera *c, double u, double v, double *x, double *y)
{
    dataset_intrinsics k = dataset_camera_intrinsics(c);
    base_mat3 r = base_rotation_matrix(c->mount.rotation);
    base_vec3 d = base_mat3_apply(&r, (base_vec3){ 1, (u - k.cx) / k.fx, -(v - k.cy) / k.fy });
    if (d.z > -1e-6)
        return false;
    double lambda = -c->mount.location.z / d.z;
    *x = c->mount.location.x + lambda * d.x;
    *y = c->mount.location.y + lambda * d.y;
    return true;
}

/* ---- samples ---- */

typedef struct row_geometry {
    double row_m;   /* ground length of one row */
    double pixel_m; /* ground width of one pixel */
    double x;       /* at the middle column */
} row_geometry;

static bool row_of(const dataset_camera *c, int v, row_geometry *g)
{
    double x0, y0, x1, y1, xr, yr;
    double u = 0.5 * c->width_px;
    if (!eval_ground_point(c, u, v + 0.5, &x0, &y0) || !eval_ground_point(c, u, v - 0.5, &x1, &y1) ||
        !eval_ground_point(c, u + 1, v + 0.5, &xr, &yr))
        return false;
    *g = (row_geometry){ fabs(x1 - x0), hypot(xr - x0, yr - y0), x0 };
    return x0 > 0 && x1 > x0;
}

static int collect_lines(const eval_path_options *o, const uint8_t *mask, sample *samples)
{
    const dataset_camera *c = &o->camera;
    int count = 0;
    if (o->line_class < 0)
        return 0;
    for (int v = c->height_px - 1; v >= 0; v--) {
        row_geometry g;
        if (!row_of(c, v, &g) || g.row_m > 0.8 || g.x > o->far_m)
            break;
        const uint8_t *row = mask + (size_t)v * c->width_px;
        for (int u = 0; u < c->width_px;) {
            if (row[u] != o->line_class) {
                u++;
                continue;
            }
            int first = u;
            while (u < c->width_px && row[u] == o->line_class)
                u++;
            /* A run cut by the image border has no known middle; one wider than 0.7 m on the ground is a stop line or
             * crosswalk, or a border that runs along the image row. */
            if (first == 0 || u == c->width_px || (u - first) * g.pixel_m > 0.7 + g.pixel_m || count == MAX_SAMPLES)
                continue;
            sample *s = &samples[count];
            if (!eval_ground_point(c, 0.5 * (first + u), v + 0.5, &s->x, &s->y))
                continue;
            s->sigma = fmax(0.05, 1.5 * g.pixel_m);
            count++;
        }
    }
    return count;
}

/* Rows of the drivable region (lines included) around the expected path: its right edge, or its middle where it fills the view. */
static int collect_region(const eval_path_options *o, const uint8_t *mask, const eval_path *expected, sample *samples,
                          eval_path_source *source)
{
    const dataset_camera *c = &o->camera;
    int count = 0, edges = 0;
    for (int v = c->height_px - 1; v >= 0 && count < MAX_SAMPLES; v--) {
        row_geometry g;
        if (!row_of(c, v, &g) || g.row_m > 0.8 || g.x > o->far_m)
            break;
        const uint8_t *row = mask + (size_t)v * c->width_px;
#define ON_ROAD(u) ((o->drivable_class >= 0 && row[u] == o->drivable_class) || (o->line_class >= 0 && row[u] == o->line_class))
        int centre = (int)floor(0.5 * c->width_px + eval_path_at(expected, g.x) / g.pixel_m);
        centre = centre < 0 ? 0 : centre >= c->width_px ? c->width_px - 1 : centre;
        if (!ON_ROAD(centre))
            continue;
        int left = centre, right = centre;
        while (left > 0 && ON_ROAD(left - 1))
            left--;
        while (right + 1 < c->width_px && ON_ROAD(right + 1))
            right++;
#undef ON_ROAD
        bool open_left = left == 0, open_right = right == c->width_px - 1;
        sample *s = &samples[count];
        double u = open_right ? 0.5 * (left + right + 1) : right + 1;
        if ((open_right && !open_left) || !eval_ground_point(c, u, v + 0.5, &s->x, &s->y))
            continue; /* only the left edge is in view: it says nothing about the own lane on a road of unknown width */
        s->sigma = fmax(0.1, 3 * g.pixel_m);
        s->side = open_right ? 0 : 1;
        edges += !open_right;
        count++;
    }
    *source = edges * 2 > count ? EVAL_PATH_EDGE : EVAL_PATH_REGION;
    int kept = 0; /* do not mix the two kinds */
    for (int i = 0; i < count; i++)
        if ((samples[i].side == 1) == (*source == EVAL_PATH_EDGE))
            samples[kept++] = samples[i];
    return kept;
}

/* ---- the fit ---- */

/* Solve A x = b for a symmetric positive definite A by Cholesky; A is destroyed. False: not positive definite. */
static bool solve_spd(double a[UNKNOWNS][UNKNOWNS], double b[UNKNOWNS])
{
    for (int i = 0; i < UNKNOWNS; i++) {
        for (int j = 0; j <= i; j++) {
            double sum = a[i][j];
            for (int k = 0; k < j; k++)
                sum -= a[i][k] * a[j][k];
            if (i == j) {
                if (!(sum > 1e-12))
                    return false;
                a[i][i] = sqrt(sum);
            } else {
                a[i][j] = sum / a[j][j];
            }
        }
    }
    for (int i = 0; i < UNKNOWNS; i++) {
        for (int k = 0; k < i; k++)
            b[i] -= a[i][k] * b[k];
        b[i] /= a[i][i];
    }
    for (int i = UNKNOWNS - 1; i >= 0; i--) {
        for (int k = i + 1; k < UNKNOWNS; k++)
            b[i] -= a[k][i] * b[k];
        b[i] /= a[i][i];
    }
    return true;
}

/* Unknowns: c0, c1*20, c2*400, c3*8000 and the change of the lane width. Rows of the border `side`:
 *     y = path(x) + side * (width + change) / 2
 * The ridge pulls towards what was expected: firmly for the cubic term and the width, barely for the rest. */
static bool fit(const sample *samples, int count, const eval_path *expected, eval_path *p)
{
    static const double ridge[UNKNOWNS] = { 0.5, 0.5, 2.0, 20.0, 200.0 };
    double a[UNKNOWNS][UNKNOWNS] = { { 0 } }, b[UNKNOWNS];
    double scale = 1;
    for (int i = 0; i < 4; i++, scale *= X_SCALE_M) {
        a[i][i] = ridge[i];
        b[i] = ridge[i] * expected->c[i] * scale;
    }
    a[4][4] = ridge[4];
    b[4] = 0;
    for (int i = 0; i < count; i++) {
        const sample *s = &samples[i];
        if (!s->used)
            continue;
        double residual = s->y - eval_path_at(p, s->x) - s->side * 0.5 * p->lane_width_m;
        double far = fabs(residual) / s->sigma;
        double weight = (far > 1.5 ? 1.5 / far : 1.0) / (s->sigma * s->sigma);
        double t = s->x / X_SCALE_M, row[UNKNOWNS] = { 1, t, t * t, t * t * t, 0.5 * s->side };
        double value = s->y - s->side * 0.5 * expected->lane_width_m;
        for (int j = 0; j < UNKNOWNS; j++) {
            for (int k = 0; k <= j; k++)
                a[j][k] += weight * row[j] * row[k];
            b[j] += weight * row[j] * value;
        }
    }
    if (!solve_spd(a, b))
        return false;
    scale = 1;
    for (int i = 0; i < 4; i++, scale *= X_SCALE_M)
        p->c[i] = b[i] / scale;
    p->lane_width_m = fmin(fmax(expected->lane_width_m + b[4], 2.5), 5.5);
    return true;
}

/* Give each line sample its border. The gate is wide enough for the first image and for the far end of a bend. */
static void assign(sample *samples, int count, const eval_path *p)
{
    for (int i = 0; i < count; i++) {
        sample *s = &samples[i];
        double offset = s->y - eval_path_at(p, s->x), half = 0.5 * p->lane_width_m;
        double slope = eval_path_heading(p, s->x), cosine = 1 / sqrt(1 + slope * slope);
        offset *= cosine; /* distance across the path, not along y */
        double gate = fmin(0.45 * p->lane_width_m, 0.5 + 0.04 * s->x);
        s->side = offset < 0 ? -1 : 1;
        s->used = fabs(offset - s->side * half) < gate;
    }
}

static void summarise(const sample *samples, int count, eval_path *p, int *rows, double *range_m)
{
    double sum = 0, last_x = -1;
    int used = 0;
    *rows = 0;
    p->left_samples = p->right_samples = 0;
    p->x_near = INFINITY;
    p->x_far = 0;
    for (int i = 0; i < count; i++) {
        const sample *s = &samples[i];
        if (!s->used)
            continue;
        double r = s->y - eval_path_at(p, s->x) - s->side * 0.5 * p->lane_width_m;
        sum += r * r;
        used++;
        p->left_samples += s->side < 0;
        p->right_samples += s->side > 0;
        p->x_near = fmin(p->x_near, s->x);
        p->x_far = fmax(p->x_far, s->x);
        *rows += s->x != last_x;
        last_x = s->x;
    }
    p->rms_m = used ? sqrt(sum / used) : 0;
    *range_m = used ? p->x_far - p->x_near : 0;
}

eval_path eval_path_from_mask(const eval_path_options *o, const uint8_t *mask, const eval_path *expected)
{
    sample samples[MAX_SAMPLES];
    eval_path p = *expected;
    int rows;
    double range_m;
    int count = collect_lines(o, mask, samples);
    bool solved = count > 0;
    for (int round = 0; solved && round < 3; round++) {
        assign(samples, count, &p);
        solved = fit(samples, count, expected, &p);
    }
    summarise(samples, solved ? count : 0, &p, &rows, &range_m);
    if (solved && rows >= 6 && range_m >= 4 && p.rms_m < 0.5) {
        p.source = EVAL_PATH_LINES;
        return p;
    }
    eval_path_source source;
    p = *expected;
    p.lane_width_m = o->lane_width_m;
    count = collect_region(o, mask, expected, samples, &source);
    for (int i = 0; i < count; i++)
        samples[i].used = true;
    solved = count > 0;
    eval_path flat = *expected;
    flat.lane_width_m = o->lane_width_m;
    for (int round = 0; solved && round < 3; round++)
        solved = fit(samples, count, &flat, &p);
    summarise(samples, solved ? count : 0, &p, &rows, &range_m);
    if (solved && rows >= 6 && range_m >= 4) {
        p.source = source;
        return p;
    }
    p = *expected;
    p.source = EVAL_PATH_NONE;
    return p;
}
