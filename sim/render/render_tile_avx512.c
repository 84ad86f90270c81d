/* sim/render/render_tile_avx512.c — the tile kernels with 16 lanes. */
#if defined(__x86_64__)
#define LANES 16
#include "sim/render/render_geometry_body.h"
#include "sim/render/render_tile_body.h"

const render_kernel render_kernel_avx512 = { "avx512", draw_tile, transform, cull };
#else
typedef int render_tile_avx512_is_empty;
#endif
