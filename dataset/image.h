/* dataset/image.h — images in memory and as PNG (libpng).
 *
 * Pixels are packed rows, row 0 on top: offset of pixel (x, y) = (y * width + x) * bytes per pixel.
 * Decoders take any bytes: size and pixel count are bounded before memory is taken; a broken file is one error text that starts
 * with `name`. Encoders give the same bytes for the same pixels in any thread. */
#ifndef DATASET_IMAGE_H
#define DATASET_IMAGE_H
#include "base/buffer.h"
#include "base/error.h"
#include <stdint.h>

#define DATASET_MAX_IMAGE_SIDE   16384
#define DATASET_MAX_IMAGE_PIXELS ((size_t)64 << 20)
#define DATASET_MAX_IMAGE_BYTES  ((size_t)256 << 20) /* of a PNG file */

typedef enum dataset_pixel {
    DATASET_RGB8,   /* 3 bytes R, G, B */
    DATASET_INDEX8, /* 1 byte: palette index, here a tag */
    DATASET_GREY16  /* uint16_t in the machine's order */
} dataset_pixel;

/* Owns its pixels; start from {0}, end with dataset_image_free. */
typedef struct dataset_image {
    int width_px, height_px;
    dataset_pixel format;
    void *pixels;
    size_t capacity_bytes;
} dataset_image;

/* Make room for width x height pixels (contents undefined); keeps memory that is large enough. */
bool dataset_image_resize(dataset_image *image, int width_px, int height_px, dataset_pixel format, base_error *err);
void dataset_image_free(dataset_image *image);
size_t dataset_pixel_bytes(dataset_pixel format);

/* Append a PNG to out. rgb: [h][w][3]; index: [h][w] with palette[count][3] (every index < count <= 256); grey16: [h][w]. */
bool dataset_png_encode_rgb(base_buffer *out, const uint8_t *rgb, int width_px, int height_px, base_error *err);
bool dataset_png_encode_index(base_buffer *out, const uint8_t *index, int width_px, int height_px, const uint8_t (*palette)[3],
                              int palette_count, base_error *err);
bool dataset_png_encode_grey16(base_buffer *out, const uint16_t *grey, int width_px, int height_px, base_error *err);

/* Decode any PNG to RGB8 (palette and grey are expanded, 16 bits cut to 8, transparency dropped). */
bool dataset_png_decode_rgb(dataset_image *image, const void *data, size_t bytes, const char *name, base_error *err);
/* Palette or grey PNG of 8 bits or fewer: the values themselves. Other kinds are refused. */
bool dataset_png_decode_index(dataset_image *image, const void *data, size_t bytes, const char *name, base_error *err);
/* Grey PNG of 16 bits. */
bool dataset_png_decode_grey16(dataset_image *image, const void *data, size_t bytes, const char *name, base_error *err);

/* Files by path; writing goes through base_file_write. */
bool dataset_png_read_rgb(dataset_image *image, const char *path, base_error *err);
bool dataset_png_write_rgb(const char *path, const uint8_t *rgb, int width_px, int height_px, base_error *err);

/* From CARLA's camera payloads, [h][w][4] bytes B, G, R, A: colour; the tag (R); depth in metres * 256 from
 * (R + 256 G + 65536 B) / (2^24 - 1) * 1000 m, rounded, 0 from 255.998 m on (the format's end: sky, far background). */
void dataset_rgb_from_bgra(uint8_t *rgb, const uint8_t *bgra, size_t pixels);
void dataset_tags_from_bgra(uint8_t *tags, const uint8_t *bgra, size_t pixels);
void dataset_depth_from_bgra(uint16_t *depth, const uint8_t *bgra, size_t pixels);

/* Resize between packed images. RGB: each destination pixel is the mean of the source area that it covers when shrinking
 * (weights by overlap, per axis), bilinear between pixel centres when growing. Index: the source pixel under the destination
 * pixel's centre. Same sizes copy. src and dst must not overlap. */
void dataset_resize_rgb(uint8_t *dst, int dst_w, int dst_h, const uint8_t *src, int src_w, int src_h);
void dataset_resize_index(uint8_t *dst, int dst_w, int dst_h, const uint8_t *src, int src_w, int src_h);
#endif
