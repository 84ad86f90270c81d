/* dataset/image.h: PNG both ways, broken files, CARLA's payloads, resizing. */
#include "base/random.h"
#include "dataset/image.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void fill_random(void *data, size_t bytes, uint64_t seed)
{
    base_random r = base_random_start(seed, "pixels", 0, 0);
    for (size_t i = 0; i < bytes; i++)
        ((uint8_t *)data)[i] = (uint8_t)base_random_bits(&r);
}

static const struct {
    int w, h;
    const char *why;
} sizes[] = {
    { 1, 1, "the smallest image" },
    { 7, 5, "odd rows" },
    { 256, 128, "the demo's camera" },
    { 1000, 3, "wide and flat" },
};

static void pixels_survive_png(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        int w = sizes[i].w, h = sizes[i].h;
        size_t n = (size_t)w * (size_t)h;
        uint8_t *rgb = malloc(3 * n), *tags = malloc(n), palette[29][3];
        uint16_t *grey = malloc(2 * n);
        base_buffer out = { 0 };
        dataset_image image = { 0 };
        base_error err = { 0 };
        fill_random(rgb, 3 * n, 1);
        fill_random(tags, n, 2);
        fill_random(grey, 2 * n, 3);
        fill_random(palette, sizeof palette, 4);
        for (size_t k = 0; k < n; k++)
            tags[k] = (uint8_t)(tags[k] % 29);
        assert_true(dataset_png_encode_rgb(&out, rgb, w, h, &err));
        assert_true(dataset_png_decode_rgb(&image, out.data, out.bytes, "rgb", &err));
        assert_int_equal(image.width_px, w);
        assert_memory_equal(image.pixels, rgb, 3 * n);
        base_buffer_clear(&out);
        assert_true(dataset_png_encode_index(&out, tags, w, h, (const uint8_t(*)[3])palette, 29, &err));
        assert_true(dataset_png_decode_index(&image, out.data, out.bytes, "tags", &err));
        assert_memory_equal(image.pixels, tags, n);
        assert_true(
            dataset_png_decode_rgb(&image, out.data, out.bytes, "tags", &err)); /* as a colour-matching loader sees it */
        for (size_t k = 0; k < n; k++)
            assert_memory_equal((uint8_t *)image.pixels + 3 * k, palette[tags[k]], 3);
        base_buffer_clear(&out);
        assert_true(dataset_png_encode_grey16(&out, grey, w, h, &err));
        assert_true(dataset_png_decode_grey16(&image, out.data, out.bytes, "depth", &err));
        assert_memory_equal(image.pixels, grey, 2 * n);
        assert_false(dataset_png_decode_index(&image, out.data, out.bytes, "depth.png", &err));
        assert_non_null(strstr(err.text, "depth.png: a label image must be palette or grey"));
        dataset_image_free(&image);
        base_buffer_free(&out);
        free(rgb);
        free(tags);
        free(grey);
    }
}

/* Every cut and many flipped bits: an error that starts with the name, or pixels; never a crash. */
static void broken_png_is_one_error(void **state)
{
    (void)state;
    uint8_t rgb[16 * 16 * 3];
    base_buffer out = { 0 };
    dataset_image image = { 0 };
    fill_random(rgb, sizeof rgb, 5);
    assert_true(dataset_png_encode_rgb(&out, rgb, 16, 16, NULL));
    for (size_t cut = 0; cut < out.bytes; cut++) {
        base_error err = { 0 };
        assert_false(dataset_png_decode_rgb(&image, out.data, cut, "cut.png", &err));
        assert_int_equal(strncmp(err.text, "cut.png: ", 9), 0);
    }
    for (size_t bit = 0; bit < out.bytes * 8; bit += 3) {
        base_error err = { 0 };
        out.data[bit / 8] ^= (unsigned char)(1u << bit % 8);
        if (!dataset_png_decode_rgb(&image, out.data, out.bytes, "flipped.png", &err))
            assert_int_equal(strncmp(err.text, "flipped.png: ", 13), 0);
        out.data[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    /* a header that promises 16384 x 16384 pixels, and an empty IDAT: refused before memory is taken */
    static const unsigned char huge[] = { 0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d,
                                          0x49, 0x48, 0x44, 0x52, 0x00, 0x00, 0x40, 0x00, 0x00, 0x00, 0x40, 0x00,
                                          0x08, 0x02, 0x00, 0x00, 0x00, 0x26, 0xaa, 0x87, 0xd3, 0x00, 0x00, 0x00,
                                          0x00, 0x49, 0x44, 0x41, 0x54, 0x35, 0xaf, 0x06, 0x1e };
    base_error err = { 0 };
    assert_false(dataset_png_decode_rgb(&image, huge, sizeof huge, "huge.png", &err));
    assert_non_null(strstr(err.text, "at most 67108864 pixels"));
    assert_true(image.capacity_bytes < 1 << 20);
    dataset_image_free(&image);
    base_buffer_free(&out);
}

static void carla_payloads(void **state)
{
    (void)state;
    const uint8_t bgra[4][4] = { { 1, 2, 3, 255 }, { 0, 0, 0, 255 }, { 0, 10, 0, 255 }, { 255, 255, 255, 255 } };
    uint8_t rgb[12], tags[4];
    uint16_t depth[4];
    dataset_rgb_from_bgra(rgb, bgra[0], 4);
    dataset_tags_from_bgra(tags, bgra[0], 4);
    dataset_depth_from_bgra(depth, bgra[0], 4);
    assert_int_equal(rgb[0], 3);
    assert_int_equal(rgb[2], 1);
    assert_int_equal(tags[0], 3);
    /* B=1, G=2, R=3: (3 + 512 + 65536) / 16777215 * 1000 = 3.93688 m -> 1007.84 */
    assert_int_equal(depth[0], 1008);
    assert_int_equal(depth[1], 0);
    assert_int_equal(depth[2], (int)floor(2560 / 16777215.0 * 1000 * 256 + 0.5));
    assert_int_equal(depth[3], 0); /* 1000 m: past the format's end */
}

static void resizing_keeps_means_and_corners(void **state)
{
    (void)state;
    uint8_t src[6 * 4 * 3], dst[24 * 16 * 3], one[3];
    fill_random(src, sizeof src, 6);
    for (int c = 0; c < 3; c++) { /* to one pixel: the mean of all */
        double sum = 0;
        for (int i = 0; i < 24; i++)
            sum += src[3 * i + c];
        dataset_resize_rgb(one, 1, 1, src, 6, 4);
        assert_true(fabs(one[c] - sum / 24) <= 0.51);
    }
    dataset_resize_rgb(dst, 4, 4, src, 6, 4); /* 6 -> 4 columns: pixel 0 = (2 * s0 + 1 * s1) / 3 */
    assert_true(fabs(dst[0] - (2.0 * src[0] + src[3]) / 3) <= 0.51);
    assert_true(fabs(dst[3] - (src[3] + 2.0 * src[6]) / 3) <= 0.51);
    dataset_resize_rgb(dst, 24, 16, src, 6, 4); /* growing: corners repeat, between centres linear */
    assert_memory_equal(dst, src, 3);
    assert_memory_equal(dst + (24 * 16 - 1) * 3, src + 23 * 3, 3);
    assert_true(fabs(dst[3 * 4] - (src[0] + (4.5 / 4 - 0.5) * (src[3] - src[0]))) <= 0.51);
    const uint8_t index[4] = { 1, 2, 3, 4 };
    uint8_t grown[16], shrunk[1];
    dataset_resize_index(grown, 4, 4, index, 2, 2);
    const uint8_t expected[16] = { 1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4 };
    assert_memory_equal(grown, expected, 16);
    dataset_resize_index(shrunk, 1, 1, index, 2, 2); /* the pixel under the centre, rounded down-right */
    assert_int_equal(shrunk[0], 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pixels_survive_png),
        cmocka_unit_test(broken_png_is_one_error),
        cmocka_unit_test(carla_payloads),
        cmocka_unit_test(resizing_keeps_means_and_corners),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
