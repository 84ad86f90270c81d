/* Training under a memory limit: the plan keeps to it, and what is computed again is the same to the bit. */
#include "base/random.h"
#include "model/nets/unet.h"
#include "model/plan.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

static const struct {
    model_unet_options net;
    int h, w, batch, winograd;
    const char *why;
} cases[] = {
    { { MODEL_UNET_SAME, 16, 3, 3, 3 }, 64, 96, 2, MODEL_WINOGRAD_F4, "BatchNorm, a concat per level, Winograd" },
    { { MODEL_UNET_SAME, 5, 2, 3, 1 }, 37, 45, 1, MODEL_WINOGRAD_OFF, "a border to reflect, odd channels" },
    { { MODEL_UNET_ORIGINAL, 6, 2, 3, 2 }, 40, 52, 2, MODEL_WINOGRAD_AUTO, "ReLU inside the convolution, cropped skips" },
};
enum { CASES = sizeof cases / sizeof *cases };

/* Logits, gradients and running statistics of two passes: the second one finds the first one's leftovers. */
typedef struct outcome {
    model_parameters weights, gradients;
    float *logits;
    size_t logit_bytes, bytes;
    int recomputed;
} outcome;

static bool run(const model_graph *g, int index, size_t limit, size_t beside, outcome *r, base_error *err)
{
    const model_plan_options o = { .batch = cases[index].batch,
                                   .training = true,
                                   .threads = 2,
                                   .winograd = cases[index].winograd,
                                   .memory_limit = limit,
                                   .memory_beside = beside };
    *r = (outcome){ 0 };
    model_plan *p = model_plan_create(g, &o, err);
    if (!p)
        return false;
    assert_true(model_parameters_create(&r->weights, g, err) && model_parameters_create(&r->gradients, g, err));
    model_parameters_initialise(g, &r->weights, MODEL_INIT_KAIMING, 3);
    base_random random = base_random_start(1, "test_memory", (uint64_t)index, 0);
    for (int pass = 0; pass < 2; pass++) {
        model_view in = model_plan_input(p), out, grad;
        for (size_t i = 0; i < (size_t)in.n * in.h * in.w * in.c; i++)
            in.data[i] = (float)base_random_range(&random, -1, 1);
        model_plan_forward(p, &r->weights, MODEL_BATCH_STATISTICS);
        out = model_plan_output(p);
        grad = model_plan_grad_output(p);
        r->logit_bytes = (size_t)out.n * out.h * out.w * out.c * sizeof(float);
        free(r->logits);
        assert_non_null(r->logits = malloc(r->logit_bytes));
        memcpy(r->logits, out.data, r->logit_bytes);
        for (size_t i = 0; i < r->logit_bytes / sizeof(float); i++)
            grad.data[i] = 1e-2f * r->logits[i] + (float)base_random_range(&random, -1, 1);
        model_plan_backward(p, &r->weights, &r->gradients);
    }
    r->bytes = model_plan_bytes(p);
    r->recomputed = model_plan_recomputed(p);
    model_plan_destroy(p);
    return true;
}

static void free_outcome(outcome *r)
{
    model_parameters_destroy(&r->weights);
    model_parameters_destroy(&r->gradients);
    free(r->logits);
}

static void check_same(const char *why, size_t limit, const outcome *a, const outcome *b)
{
    if (memcmp(a->logits, b->logits, a->logit_bytes))
        fail_msg("%s, limit %zu: other logits", why, limit);
    if (memcmp(a->weights.values, b->weights.values, a->weights.count * sizeof(float)))
        fail_msg("%s, limit %zu: other running statistics", why, limit);
    for (size_t i = 0; i < a->gradients.count; i++)
        if (memcmp(a->gradients.values + i, b->gradients.values + i, sizeof(float)))
            fail_msg("%s, limit %zu: gradient %zu of %zu is %g, without a limit %g", why, limit, i, a->gradients.count,
                     (double)b->gradients.values[i], (double)a->gradients.values[i]);
}

static void test_same_bits(void **state)
{
    (void)state;
    for (int i = 0; i < CASES; i++) {
        base_error err;
        model_graph g;
        outcome whole, part;
        assert_true(model_unet_build(&g, &cases[i].net, cases[i].h, cases[i].w, &err) && model_graph_fuse_relu(&g, &err));
        assert_true(run(&g, i, 0, 0, &whole, &err));
        assert_int_equal(whole.recomputed, 0);
        int before = 0, fitted = 0;
        for (int step = 1; step < 20; step++) {
            size_t limit = whole.bytes - (size_t)step * whole.bytes / 20;
            if (!run(&g, i, limit, 0, &part, &err))
                break;
            if (part.bytes > limit)
                fail_msg("%s: takes %zu bytes, the limit is %zu", cases[i].why, part.bytes, limit);
            assert_true(part.recomputed > 0);
            before = part.recomputed > before ? part.recomputed : before;
            fitted = step;
            check_same(cases[i].why, limit, &whole, &part);
            free_outcome(&part);
        }
        /* A fifth less at least, convolutions among what is computed again; and no magic. */
        if (fitted < 4 || fitted == 19 || before < 3)
            fail_msg("%s: %d twentieths less at most, %d values recomputed at most", cases[i].why, fitted, before);
        free_outcome(&whole);
        model_graph_destroy(&g);
    }
}

/* The error names what would do, and that does. */
static void test_least(void **state)
{
    (void)state;
    base_error err;
    model_graph g;
    outcome r;
    const size_t beside = 5 << 20;
    assert_true(model_unet_build(&g, &cases[0].net, cases[0].h, cases[0].w, &err) && model_graph_fuse_relu(&g, &err));
    assert_false(run(&g, 0, 1 << 20, beside, &r, &err));
    assert_int_equal(err.code, BASE_MEMORY);
    char *least = strstr(err.text, "at least ");
    if (!least || !strstr(err.text, "memory limit: 1 MiB are too few for a batch of 2"))
        fail_msg("error '%s'", err.text);
    size_t mib = strtoul(least + 9, NULL, 10);
    assert_false(run(&g, 0, (mib - 1) << 20, beside, &r, &err));
    if (!run(&g, 0, mib << 20, beside, &r, &err))
        fail_msg("%zu MiB were said to do: %s", mib, err.text);
    assert_true(r.bytes + beside <= mib << 20);
    free_outcome(&r);
    model_graph_destroy(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_same_bits), cmocka_unit_test(test_least) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
