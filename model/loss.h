/* model/loss.h — losses on logits, value and gradient together.
 *
 *   ce         -ln softmax(z)[y], weights per class, divided by the sum of the weights of the counted pixels   (outputs >= 2)
 *   bce        ln(1 + e^z) - y z, weights and mean alike                                                (outputs == 1)
 *   dice       outputs == 1: 1 - (2 sum(p y) + s)/(sum p + sum y + s), p = sigmoid(z), sums over the whole batch
 *              outputs >= 2: the mean of that over the classes, p = softmax(z), y = one-hot
 *   bce_dice, ce_dice   the plain sum
 *
 * Labels are class indices (outputs == 1: 0 or 1); MODEL_LABEL_IGNORE pixels count nowhere and get gradient 0. A batch in
 * which every pixel is ignored has loss 0 and gradient 0 (PyTorch: NaN). Sums run in double over fixed chunks, added in
 * chunk order: the thread count does not change a bit. Formulas: Milletari et al., V-Net, 2016 (Dice, here without squares). */
#ifndef MODEL_LOSS_H
#define MODEL_LOSS_H
#include "model/plan.h"
#include <stdint.h>

typedef enum model_loss_kind {
    MODEL_LOSS_CE,
    MODEL_LOSS_BCE,
    MODEL_LOSS_DICE,
    MODEL_LOSS_BCE_DICE,
    MODEL_LOSS_CE_DICE
} model_loss_kind;
extern const char *const model_loss_names[]; /* "ce", "bce", "dice", "bce_dice", "ce_dice", NULL */

#define MODEL_LABEL_IGNORE     255 /* a pixel with this label counts nowhere */
#define MODEL_LOSS_MAX_CLASSES 64

typedef struct model_loss_options {
    model_loss_kind kind;
    float dice_smooth;                           /* s > 0; default 1 */
    bool weighted;                               /* use class_weights in the cross-entropy */
    float class_weights[MODEL_LOSS_MAX_CLASSES]; /* >= 0 */
    int weight_count;                            /* of class_weights that were given */
} model_loss_options;

model_loss_options model_loss_options_default(void); /* ce_dice, smooth 1, unweighted */
/* Whether the loss fits a net with that many outputs. */
bool model_loss_options_check(const model_loss_options *o, int outputs, base_error *err);

typedef struct model_loss_value {
    double total, cross_entropy, dice;
} model_loss_value; /* parts that are not used are 0 */

/* Bytes of scratch that forward_backward needs for this many pixels. */
size_t model_loss_scratch_bytes(size_t pixels, int outputs);
/* labels [n*h*w]. grad (same shape as logits) receives dL/dlogits; its data NULL = value only. Threads: 0 = one per core. */
model_loss_value model_loss_forward_backward(const model_loss_options *o, const model_view *logits, const uint8_t *labels,
                                             const model_view *grad, void *scratch, int threads);
#endif
