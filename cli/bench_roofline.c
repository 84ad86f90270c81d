#include "cli/bench_roofline.h"
#include "base/arena.h"
#include "base/file.h"
#include "eval/plot.h"
#include <math.h>
#include <stdlib.h>

enum { KINDS = MODEL_WORK_COUNT, ROOF_POINTS = 3 };

/* Dots of one kind of work. */
typedef struct dots {
    double *x, *y;
    const char **names;
    size_t count;
} dots;

static double roof(const bench_profile *p, double flops_per_byte) { return fmin(p->peak, p->copy * flops_per_byte); }

static bool take_dots(dots *d, size_t most, base_error *err)
{
    return (d->x = base_alloc(most * sizeof *d->x, err)) && (d->y = base_alloc(most * sizeof *d->y, err)) &&
           (d->names = base_alloc_zero(most, sizeof *d->names, err));
}

static void place(dots *kinds, const bench_profile *p, double *least_x, double *most_x)
{
    for (size_t i = 0; i < p->spans->count; i++) {
        const base_span *s = &p->spans->list[i];
        bench_profile_total t;
        if (s->node < 0 || s->work >= KINDS || !bench_profile_node(p, i, &t) || !(t.flops > 0) || !(t.least_s > 0))
            continue;
        dots *d = &kinds[s->work];
        double intensity = t.flops / t.bytes, rate = t.flops / t.least_s;
        d->x[d->count] = intensity;
        d->y[d->count] = rate * 1e-9;
        d->names[d->count++] = rate < 0.5 * roof(p, intensity) ? p->graph->nodes[s->node].name : NULL;
        *least_x = fmin(*least_x, intensity);
        *most_x = fmax(*most_x, intensity);
    }
}

bool bench_roofline_write(const char *path, const bench_profile *p, const char *title, base_error *err)
{
    dots kinds[KINDS] = { 0 };
    double least_x = INFINITY, most_x = 0;
    base_buffer svg = { 0 };
    bool ok = false;
    for (int k = 0; k < KINDS; k++)
        if (!take_dots(&kinds[k], p->spans->count + 1, err))
            goto done;
    place(kinds, p, &least_x, &most_x);
    double ridge = p->peak / p->copy, ends[ROOF_POINTS] = { fmin(least_x, 0.5 * ridge), ridge, fmax(most_x, 2 * ridge) };
    double heights[ROOF_POINTS];
    eval_series series[KINDS + 1];
    int count = 0;
    for (int i = 0; i < ROOF_POINTS; i++)
        heights[i] = roof(p, ends[i]) * 1e-9;
    series[count++] = (eval_series){ "memory and multiply-add peak", ends, heights, ROOF_POINTS, 7, 1.5, false, false, NULL };
    for (int k = 0; k < KINDS; k++)
        if (kinds[k].count > 0)
            series[count++] =
                (eval_series){ model_work_names[k], kinds[k].x, kinds[k].y, kinds[k].count, k, 0, false, true, kinds[k].names };
    if (count == 1) {
        base_fail(err, BASE_ARGUMENT, "%s: no node of this network multiplies", path);
        goto done;
    }
    eval_plot_options o = {
        .title = title, .x_label = "operations per byte", .y_label = bench_profile_unit(p->mode), .width = 720, .height = 420
    };
    o.log_x = o.log_y = o.legend_below = true;
    ok = eval_plot_lines(&svg, &o, series, count, err) && base_file_write(path, svg.data, svg.bytes, false, err);
done:
    base_buffer_free(&svg);
    for (int k = 0; k < KINDS; k++) {
        free(kinds[k].x);
        free(kinds[k].y);
        free(kinds[k].names);
    }
    return ok;
}
