/* Pictures for the page: colour as JPEG, labels as palette PNG, whose colours stay exact. */
#ifdef EVAL_VIEW_BUILT
#include "dataset/image.h"
#include "eval/view_internal.h"
#include "sim/wire/tag.h"
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <jpeglib.h>

#define JPEG_QUALITY 80

typedef struct jpeg_trouble { /* libjpeg's own way out of an error is to end the program */
    struct jpeg_error_mgr manager;
    jmp_buf out;
    char text[JMSG_LENGTH_MAX];
} jpeg_trouble;

static void on_error(j_common_ptr c)
{
    jpeg_trouble *t = (jpeg_trouble *)c->err;
    c->err->format_message(c, t->text);
    longjmp(t->out, 1);
}

static void on_message(j_common_ptr c) { (void)c; }

bool eval_view_jpeg(base_buffer *out, const uint8_t *bgra, int width_px, int height_px, base_error *err)
{
    struct jpeg_compress_struct c = { 0 };
    jpeg_trouble trouble = { 0 };
    unsigned char *volatile bytes = NULL; /* libjpeg's, which longjmp must not forget */
    unsigned char *file = NULL;
    unsigned long file_bytes = 0;
    uint8_t *volatile row = malloc((size_t)width_px * 3);
    if (!row)
        return base_fail(err, BASE_MEMORY, "out of memory for a row of %d pixels", width_px);
    c.err = jpeg_std_error(&trouble.manager);
    trouble.manager.error_exit = on_error;
    trouble.manager.output_message = on_message;
    if (setjmp(trouble.out)) {
        jpeg_destroy_compress(&c);
        free(bytes);
        free(row);
        return base_fail(err, BASE_UNSUPPORTED, "libjpeg: %s", trouble.text);
    }
    jpeg_create_compress(&c);
    jpeg_mem_dest(&c, &file, &file_bytes);
    c.image_width = (JDIMENSION)width_px;
    c.image_height = (JDIMENSION)height_px;
    c.input_components = 3;
    c.in_color_space = JCS_RGB;
    jpeg_set_defaults(&c);
    jpeg_set_quality(&c, JPEG_QUALITY, TRUE);
    jpeg_start_compress(&c, TRUE);
    while (c.next_scanline < c.image_height) {
        dataset_rgb_from_bgra(row, bgra + (size_t)c.next_scanline * (size_t)width_px * 4, (size_t)width_px);
        JSAMPROW rows[] = { row };
        jpeg_write_scanlines(&c, rows, 1);
    }
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
    bytes = file;
    bool ok = base_buffer_append(out, bytes, file_bytes);
    free(bytes);
    free(row);
    return ok || base_fail(err, BASE_MEMORY, "out of memory for a picture of %lu bytes", file_bytes);
}

bool eval_view_labels(base_buffer *out, const uint8_t *tag, int width_px, int height_px, base_error *err)
{
    uint8_t palette[WIRE_TAG_COUNT][3];
    for (int i = 0; i < WIRE_TAG_COUNT; i++)
        wire_tag_color(i, palette[i]);
    return dataset_png_encode_index(out, tag, width_px, height_px, (const uint8_t(*)[3])palette, WIRE_TAG_COUNT, err);
}
#endif
