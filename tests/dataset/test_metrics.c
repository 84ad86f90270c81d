/* dataset/metrics.h: known answers worked out by hand. */
#include "dataset/metrics.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static void near(double got, double wanted, const char *what)
{
    if (!(fabs(got - wanted) < 1e-12))
        fail_msg("%s: got %.15g, wanted %.15g", what, got, wanted);
}

static void known_answers(void **state)
{
    (void)state;
    /*                            truth: 0 0 0 0 1 1 1 2 2 255 */
    const uint8_t truth[10] = { 0, 0, 0, 0, 1, 1, 1, 2, 2, 255 };
    const uint8_t said[10] = { 0, 0, 1, 2, 1, 1, 2, 1, 2, 1 };
    /* confusion: 0: {2,1,1}  1: {0,2,1}  2: {0,1,1} */
    dataset_confusion c = dataset_confusion_start(3);
    assert_true(dataset_confusion_add(&c, truth, said, 10, NULL));
    assert_int_equal(c.ignored, 1);
    near(dataset_iou(&c, 0), 2.0 / 4, "IoU 0: TP 2, FN 2, FP 0");
    near(dataset_iou(&c, 1), 2.0 / 5, "IoU 1: TP 2, FN 1, FP 2");
    near(dataset_iou(&c, 2), 1.0 / 4, "IoU 2: TP 1, FN 1, FP 2");
    int averaged;
    near(dataset_mean_iou(&c, &averaged), (0.5 + 0.4 + 0.25) / 3, "mean IoU");
    assert_int_equal(averaged, 3);
    /* union of 1 and 2: TP = 2+1+1+1 = 5, FN = 0, FP = 1+1 = 2 (the ignored pixel counts nowhere) */
    near(dataset_union_iou(&c, 6), 5.0 / 7, "union of 1 and 2");
    near(dataset_union_iou(&c, 7), 1.0, "union of all");
    near(dataset_precision(&c, 1), 2.0 / 4, "precision");
    near(dataset_recall(&c, 1), 2.0 / 3, "recall");
    near(dataset_f1(&c, 1), 4.0 / 7, "F1");
    near(dataset_pixel_accuracy(&c), 5.0 / 9, "pixel accuracy");
}

static void global_is_not_a_mean_over_images(void **state)
{
    (void)state;
    /* image A: 8 of 8 right; image B: 0 of 2. Mean over images 0.5, global 8/10 */
    const uint8_t a[8] = { 1, 1, 1, 1, 1, 1, 1, 1 }, b_truth[2] = { 1, 1 }, b_said[2] = { 0, 0 };
    dataset_confusion one = dataset_confusion_start(2), two = dataset_confusion_start(2);
    assert_true(dataset_confusion_add(&one, a, a, 8, NULL));
    assert_true(dataset_confusion_add(&two, b_truth, b_said, 2, NULL));
    dataset_confusion_merge(&one, &two);
    near(dataset_iou(&one, 1), 0.8, "global IoU");
}

static void absent_classes_are_undefined(void **state)
{
    (void)state;
    const uint8_t zero[4] = { 0 };
    dataset_confusion c = dataset_confusion_start(3);
    int averaged;
    assert_true(isnan(dataset_mean_iou(&c, &averaged)));
    assert_int_equal(averaged, 0);
    assert_true(isnan(dataset_pixel_accuracy(&c)));
    assert_true(dataset_confusion_add(&c, zero, zero, 4, NULL));
    assert_true(isnan(dataset_iou(&c, 2)));
    assert_true(isnan(dataset_recall(&c, 2)));
    near(dataset_mean_iou(&c, &averaged), 1.0, "mean over the one class present");
    assert_int_equal(averaged, 1);
}

static void wrong_values_are_refused_whole(void **state)
{
    (void)state;
    base_error err = { 0 };
    dataset_confusion c = dataset_confusion_start(2), empty = c;
    const uint8_t good[3] = { 0, 1, 0 }, bad[3] = { 0, 1, 2 }, ignored[3] = { 0, 1, 255 };
    assert_false(dataset_confusion_add(&c, good, bad, 3, &err));
    assert_non_null(strstr(err.text, "pixel 2: truth 0, prediction 2"));
    assert_false(dataset_confusion_add(&c, bad, good, 3, &err));
    assert_false(dataset_confusion_add(&c, good, ignored, 3, &err)); /* 255 is a truth only */
    assert_memory_equal(&c, &empty, sizeof c);
}

static void road_and_line_are_found_by_tags(void **state)
{
    (void)state;
    dataset_classes c = dataset_classes_default();
    assert_int_equal(dataset_road_bits(&c), 6);
    assert_int_equal(dataset_line_class(&c), 2);
    dataset_classes one = { .count = 2, .list = { { "rest", { "*" }, 1 }, { "road", { "Roads", "RoadLine" }, 2 } } };
    assert_int_equal(dataset_road_bits(&one), 2);
    assert_int_equal(dataset_line_class(&one), -1);
}

static void soft_iou_of_the_older_project(void **state)
{
    (void)state;
    const float p[4] = { 1.0f, 0.5f, 0.25f, 0.0f };
    const uint8_t y[4] = { 1, 1, 0, 0 }, none[4] = { 0 };
    near(dataset_soft_iou(p, y, 1, 4), 1.5 / (1.75 + 2 - 1.5), "sum(py) / (sum p + sum y - sum py)");
    near(dataset_soft_iou(p, none, 1, 4), 0, "an empty label gives 0, however small p is");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(global_is_not_a_mean_over_images),
        cmocka_unit_test(absent_classes_are_undefined),
        cmocka_unit_test(wrong_values_are_refused_whole),
        cmocka_unit_test(road_and_line_are_found_by_tags),
        cmocka_unit_test(soft_iou_of_the_older_project),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
