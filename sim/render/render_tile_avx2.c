/* sim/render/render_tile_avx2.c — the tile kernels with 8 lanes. */
#if defined(__x86_64__)
#define LANES 8
#include "sim/render/render_geometry_body.h"
#include "sim/render/render_tile_body.h"

const render_kernel render_kernel_avx2 = { "avx2", draw_tile, transform, cull };
#else
typedef int render_tile_avx2_is_empty;
#endif
