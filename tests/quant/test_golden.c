/* Integer operators against ONNX Runtime's bytes (tests/golden/quant/make.py): every level, equality. Weights go the way of a loaded
 * model: file order to kernel order, bias corrected for the source's zero point. */
#include "base/arena.h"
#include "base/cpu.h"
#include "model/safetensors.h"
#include "quant/network.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GOLDEN "tests/golden/quant/ops.safetensors"

static model_safetensors golden;

static int open_golden(void **state)
{
    (void)state;
    base_error err;
    if (model_safetensors_read(&golden, GOLDEN, &err))
        return 0;
    print_error("%s\n", err.text);
    return -1;
}

static int close_golden(void **state)
{
    (void)state;
    model_safetensors_free(&golden);
    return 0;
}

static const model_tensor *tensor(const char *name, const char *part)
{
    char full[MODEL_TENSOR_NAME_BYTES];
    snprintf(full, sizeof full, "%s.%s", name, part);
    const model_tensor *t = model_safetensors_find(&golden, full);
    if (!t)
        fail_msg("%s has no %s", GOLDEN, full);
    return t;
}

/* A copy with 64 bytes of slack: kernels may read past a pixel. */
static void *copy(const model_tensor *t)
{
    void *p = calloc(t->bytes + 64, 1);
    memcpy(p, t->data, t->bytes);
    return p;
}

static float number(const char *name, int index)
{
    float v;
    memcpy(&v, (const float *)tensor(name, "numbers")->data + index, sizeof v);
    return v;
}

static quant_view view_of(void *data, const model_tensor *t)
{
    int h = (int)t->dims[0], w = (int)t->dims[1], c = (int)t->dims[2];
    return (quant_view){ data, h, w, c, c, (size_t)w * c };
}

static void compare(const char *name, const char *level, const uint8_t *got, const model_tensor *want)
{
    for (size_t i = 0; i < want->bytes; i++)
        if (got[i] != ((const uint8_t *)want->data)[i])
            fail_msg("%s, %s: byte %zu is %d, ONNX Runtime gives %d", name, level, i, got[i], ((const uint8_t *)want->data)[i]);
}

/* Every usable level on one convolution. relu: clamp at the zero point, which is 0 in these cases. */
static void check_convolution(const char *name, bool transposed)
{
    const model_tensor *x = tensor(name, "x"), *w = tensor(name, "weight"), *y = tensor(name, "y");
    int32_t window[3];
    memcpy(window, tensor(name, "window")->data, sizeof window);
    int ic = (int)x->dims[2], oc = (int)y->dims[2], k = (int)w->dims[2];
    void *source = copy(x), *file = copy(w), *scales = copy(tensor(name, "weight_scale")), *bias = copy(tensor(name, "bias"));
    int8_t *weights = malloc(w->bytes);
    int32_t *corrected = malloc(4 * (size_t)oc * sizeof *corrected);
    float *multiplier = malloc((size_t)oc * sizeof *multiplier);
    quant_layer layer = { .op = transposed ? MODEL_OP_CONV_TRANSPOSE2D : MODEL_OP_CONV2D,
                          .ic = ic,
                          .oc = oc,
                          .taps = k * k,
                          .weights = weights,
                          .bias = bias };
    quant_weights_from_file(&layer, file, weights);
    int8_t *again = malloc(w->bytes);
    quant_weights_to_file(&layer, weights, again);
    assert_memory_equal(again, file, w->bytes);
    free(again);
    quant_params src = { number(name, 0), (int32_t)number(name, 1) }, dst = { number(name, 2), (int32_t)number(name, 3) };
    quant_corrected_bias(&layer, src, false, corrected);
    for (int o = 0; o < oc; o++) {
        float sum_scale = src.scale * ((const float *)scales)[o];
        multiplier[o] = sum_scale / dst.scale;
    }
    quant_conv c = { .ic = ic,
                     .oc = oc,
                     .kh = k,
                     .kw = k,
                     .stride = window[0],
                     .padding = window[1],
                     .dilation = window[2],
                     .transposed = transposed,
                     .weights = weights,
                     .bias = corrected,
                     .multiplier = multiplier,
                     .lo = (float)-dst.zero_point,
                     .hi = (float)(255 - dst.zero_point),
                     .zero_point = dst.zero_point,
                     .src_zero_point = (uint8_t)src.zero_point };
    quant_view in = view_of(source, x);
    assert_int_equal(quant_conv_out(&c, in.height, k), y->dims[0]);
    assert_int_equal(quant_conv_out(&c, in.width, k), y->dims[1]);
    size_t count;
    const quant_kernels *const *all = quant_kernels_all(&count);
    for (size_t l = 0; l < count; l++) {
        if (all[l]->needs & ~base_cpu_detect())
            continue;
        uint8_t *out_bytes = calloc(y->bytes + 64, 1);
        quant_view out = view_of(out_bytes, y);
        void *packed = base_alloc(all[l]->conv_packed_bytes(&c), NULL),
             *scratch = base_alloc(all[l]->conv_scratch_bytes(&c, in.width), NULL);
        all[l]->conv_pack(&c, packed);
        all[l]->conv(&c, packed, &in, &out, 0, out.height, scratch);
        compare(name, all[l]->name, out_bytes, y);
        free(packed);
        free(scratch);
        free(out_bytes);
    }
    free(multiplier);
    free(corrected);
    free(weights);
    free(bias);
    free(scales);
    free(file);
    free(source);
}

static void convolutions(void **state)
{
    (void)state;
    static const char *const names[] = { "conv_image",   "conv_relu", "conv_signed", "conv_valid",  "conv_stride",
                                         "conv_dilated", "conv_1x1",  "conv_deep",   "conv_extreme" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        check_convolution(names[i], false);
}

static void transposed_convolutions(void **state)
{
    (void)state;
    check_convolution("transposed_narrow", true);
    check_convolution("transposed_signed", true);
}

static void concat_tables(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        char name[16];
        uint8_t table[256];
        snprintf(name, sizeof name, "concat%d", i);
        quant_params from = { number(name, 0), (int32_t)number(name, 1) }, to = { number(name, 2), (int32_t)number(name, 3) };
        quant_rescale_table(from, to, table);
        compare(name, "table", table, tensor(name, "y"));
    }
}

static void pooling(void **state)
{
    (void)state;
    const model_tensor *x = tensor("pool", "x"), *y = tensor("pool", "y");
    void *source = copy(x), *out_bytes = calloc(y->bytes + 64, 1);
    quant_view in = view_of(source, x), out = view_of(out_bytes, y);
    size_t count;
    const quant_kernels *const *all = quant_kernels_all(&count);
    for (size_t l = 0; l < count; l++)
        if ((all[l]->needs & ~base_cpu_detect()) == 0) {
            memset(out_bytes, 0, y->bytes);
            all[l]->pool2x2(&in, &out, 0, out.height);
            compare("pool", all[l]->name, out_bytes, y);
        }
    free(out_bytes);
    free(source);
}

/* Exact half steps among them: a division, not a multiplication by 1/scale. */
static void encoding(void **state)
{
    (void)state;
    const model_tensor *x = tensor("encode", "x"), *y = tensor("encode", "y");
    quant_params p = { number("encode", 0), (int32_t)number("encode", 1) };
    float *values = copy(x);
    uint8_t *got = malloc(y->bytes);
    for (size_t i = 0; i < y->bytes; i++)
        got[i] = quant_encode(p, values[i]);
    compare("encode", "scalar", got, y);
    free(got);
    free(values);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolutions),  cmocka_unit_test(transposed_convolutions),
        cmocka_unit_test(concat_tables), cmocka_unit_test(pooling),
        cmocka_unit_test(encoding),
    };
    return cmocka_run_group_tests(tests, open_golden, close_golden);
}
