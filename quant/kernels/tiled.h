/* quant/kernels/tiled.h — what the SIMD levels share: the loops around a register tile. For quant/kernels alone.
 *
 * An output row is cut into near-equal tiles of at most max pixels x one or two vectors of output channels. A tile reads its source
 * through row and pixel distances, so it knows no edges: where there is padding, or where the level wants another element type
 * than u8, the rows that a block of output rows needs are first staged: copied into a strip with the padding written out.
 * Staging costs one pass over the source per block of rows, a few percent of the multiply-adds even at 8 channels.
 *
 * Packed weights, V = oc per vector, panels of up to `vectors` vectors (the last one may be narrower):
 *     [panel][kh][kw][group][vector][V][channels of a group]        plain tile
 *     [panel][kh][group][kw][vector][V][channels of a group]        shared tile (kw = 3, stride 1, dilation 1)
 * each vector 64 or 32 bytes; then per panel the bias and multiplier of its channels, padded with 0. Channels past ic are weight 0. */
#ifndef QUANT_KERNELS_TILED_H
#define QUANT_KERNELS_TILED_H
#include "quant/kernels/kernels.h"

typedef struct quant_tile {
    ptrdiff_t pixel_bytes; /* from output pixel to output pixel: stride * source pixel */
    ptrdiff_t tap_bytes;   /* from kx to kx + 1: dilation * source pixel */
    ptrdiff_t row_bytes;   /* from ky to ky + 1: dilation * source row */
    int kh, kw;
    int groups;          /* steps over the channels of a pixel */
    const void *weights; /* of the panel */
    const int32_t *bias; /* of the panel, padded to whole vectors */
    const float *multiplier;
    float lo, hi;
    int32_t zero_point;
    ptrdiff_t dst_bytes; /* from output pixel to output pixel */
    int channels;        /* of the panel that exist: bytes to write per pixel */
} quant_tile;

/* src: first tap of the first pixel. */
typedef void (*quant_tile_kernel)(const quant_tile *t, const uint8_t *src, uint8_t *dst);

#define QUANT_MAX_TILE 28 /* pixels; tables below are indexed by the number of pixels, entry 0 unused */

/* How one level computes tiles. */
typedef struct quant_tiler {
    int lanes;         /* output channels per vector */
    int vectors;       /* most vectors in a panel: 1 or 2 */
    int group;         /* source channels per multiply-add step */
    int element_bytes; /* of a staged channel: 1 (u8) or 2 (s16) */
    /* 0x80 where multiply-adds are s8 x s8: bytes are staged as byte ^ 0x80 = byte - 128 and the packed bias makes up for it; else 0 */
    uint8_t flip;
    int shared_max[3], plain_max[3]; /* pixels per tile for 1 and 2 vectors; entry 0 unused */
    const quant_tile_kernel *shared[3], *plain[3];
    /* `pixels` pixels of `channels` bytes, `pitch` apart, to `staged` channels each, the rest any value; flips if the level does. */
    void (*stage)(const uint8_t *src, int pixels, int channels, int pitch, void *dst, int staged);
} quant_tiler;

size_t quant_tiled_packed_bytes(const quant_tiler *k, const quant_conv *c);
void quant_tiled_pack(const quant_tiler *k, const quant_conv *c, void *packed);
size_t quant_tiled_scratch_bytes(const quant_tiler *k, const quant_conv *c, int src_width);
void quant_tiled_conv(const quant_tiler *k, const quant_conv *c, const void *packed, const quant_view *src,
                      const quant_view *dst, int row0, int row1, void *scratch);

/* Stage u8 as u8: memcpy where the pitch allows. */
void quant_stage_u8(const uint8_t *src, int pixels, int channels, int pitch, void *dst, int staged);
#endif
