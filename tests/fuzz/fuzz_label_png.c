/* PNG of labels, colours and depth from any bytes: an error or an image within bounds.
 * The seeds in tests/golden/corpus are files of a set drawn by tests/support/synthetic_dataset.c (32x16, depth, seed 1). */
#include "dataset/image.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dataset_image image = { 0 };
    base_error err = { 0 };
    if (dataset_png_decode_index(&image, data, size, "input", &err)) {
        volatile unsigned sum = 0; /* touch every pixel: the sanitizer sees a buffer that is too short */
        for (size_t i = 0; i < (size_t)image.width_px * (size_t)image.height_px; i++)
            sum += ((const uint8_t *)image.pixels)[i];
    } else if (strncmp(err.text, "input: ", 7))
        abort();
    dataset_png_decode_rgb(&image, data, size, "input", &err);
    dataset_png_decode_grey16(&image, data, size, "input", &err);
    dataset_image_free(&image);
    return 0;
}
