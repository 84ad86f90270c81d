/* eval/plot.h — the few plots that reports need, drawn by cairo as SVG documents.
 *
 * In an HTML page they belong into <img src="data:...">: cairo numbers its glyphs from 0 in each document, so two inline ones clash. */
#ifndef EVAL_PLOT_H
#define EVAL_PLOT_H
#include "base/buffer.h"

typedef struct eval_series {
    const char *name;    /* legend; "" = none */
    const double *x, *y; /* [count]; points with a NaN break the line */
    size_t count;
    int color;    /* index into a palette of 8, safe for colour-blind readers (Okabe, Ito 2008) */
    double width; /* of the line, or radius of the dots, points; 0 = 1.5, dots 2.5 */
    bool dashed;
    bool dots; /* a dot at each point instead of a line through them */
    const char *const
        *labels; /* [count] beside the dots, off each other where there is room; NULL: none, an entry NULL: none there */
} eval_series;

typedef struct eval_plot_options {
    const char *title, *x_label, *y_label;
    int width, height;   /* points; 0 = 560 x 300 */
    bool same_scale;     /* a map: one metre is as long in x as in y, y grows downwards (CARLA's frame) */
    bool log_x, log_y;   /* values <= 0 are left out */
    bool legend_below;   /* in the lower right corner, not the upper */
    double y_min, y_max; /* both 0: from the data */
} eval_plot_options;

/* Append an SVG document. Fails when nothing finite is to be drawn or cairo reports an error. */
bool eval_plot_lines(base_buffer *svg, const eval_plot_options *o, const eval_series *series, int count, base_error *err);
#endif
