/* dataset/augment.h — random changes of a training image and its label, the same for the same (seed, epoch, sample).
 *
 * Geometry (flip, scale, rotation, shear, shift) acts on image and label alike: bilinear for the image, nearest for the label; what
 * comes from outside repeats the border in the image and is DATASET_IGNORED in the label. Then colour acts on the image alone,
 * in this order: contrast and brightness, saturation, per-channel gain, gamma, noise. Strengths of 0 leave a step out. */
#ifndef DATASET_AUGMENT_H
#define DATASET_AUGMENT_H
#include "base/options.h"
#include <stdint.h>

typedef enum dataset_augment_mode {
    DATASET_AUGMENT_OFF,
    DATASET_AUGMENT_STANDARD, /* the fields below, drawn anew each epoch */
    DATASET_AUGMENT_ORIGINAL /* the older project's: one of brightness (+10..19), contrast (x(1+a) - 128a, a in 0.1..0.3) and flip
                                 per image, chosen by the sample's number alone: the same in every epoch */
} dataset_augment_mode;

typedef struct dataset_augment {
    int mode;           /* dataset_augment_mode: "off", "standard", "original" */
    float flip;         /* probability of mirroring left-right, 0..1 */
    float scale;        /* zoom in 1/(1+s) .. 1+s, 0..0.5 */
    float rotation_deg; /* -r .. r about the centre, 0..45 */
    float shear;        /* x += k y, k in -s .. s, 0..0.5 */
    float shift;        /* of width and height, -s .. s, 0..0.5 */
    float brightness;   /* added, of 255, -b .. b, 0..0.5 */
    float contrast;     /* factor about mid grey, 1-c .. 1+c, 0..0.9 */
    float saturation;   /* factor about grey, 1-s .. 1+s, 0..1 */
    float channel;      /* gain of R, G, B each, 1-c .. 1+c, 0..0.5 */
    float gamma;        /* exponent in 1/(1+g) .. 1+g, 0..1 */
    float noise;        /* deviation of white noise, of 255; each image draws its own in 0 .. n, 0..0.2 */
} dataset_augment;

dataset_augment dataset_augment_none(void);
dataset_augment dataset_augment_standard(
    void); /* moderate: flip .5, scale .15, rotation 3, shift .05, brightness .12, contrast .25, ... */
extern const base_option dataset_augment_table[]; /* for BASE_OPTION_OBJECT in a caller's table; ranges as above */
extern const size_t dataset_augment_table_count;
bool dataset_augment_check(const dataset_augment *a, base_error *err);

/* dst_rgb [h][w][3], dst_label [h][w] from the same of src; must not overlap. */
void dataset_augment_apply(const dataset_augment *a, uint64_t seed, uint64_t epoch, uint64_t sample, int width_px,
                           int height_px, const uint8_t *src_rgb, const uint8_t *src_label, uint8_t *dst_rgb,
                           uint8_t *dst_label);
#endif
