/* sim/render/render_tile_scalar.c — the tile kernels for any machine: 4 lanes (SSE2 is part of x86-64; NEON and others by the compiler). */
#define LANES 4
#include "sim/render/render_geometry_body.h"
#include "sim/render/render_tile_body.h"

#if defined(__SSE2__)
const render_kernel render_kernel_plain = { "sse2", draw_tile, transform, cull };
#else
const render_kernel render_kernel_plain = { "plain", draw_tile, transform, cull };
#endif
