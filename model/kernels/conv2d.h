/* model/kernels/conv2d.h — 2-D convolution and its transpose, forward and backward, float32.
 *
 *     dst[n][y][x][o] = bias[o] + sum over c, u, v of weights[o][c][u][v]
 *                       * src[n][y*stride_h + u*dilation_h - padding_h][x*stride_w + v*dilation_w - padding_w][c]
 *
 * (a cross-correlation, "convolution" in every framework; terms outside src are zero; with groups, c runs over the IC/groups channels
 * of o's group: outputs o/(OC/groups) read channels from o/(OC/groups)*(IC/groups) on)
 *
 *   src      [N][IH][IW][IC], pixel pitch src_pitch >= IC
 *   weights  [OC][IC/groups][KH][KW] dense: the order of PyTorch and of checkpoints
 *   bias     [OC], or NULL for none
 *   dst      [N][OH][OW][OC], pixel pitch dst_pitch >= OC; must not overlap src; may be a slice of a wider tensor
 *   OH = (IH + 2*padding_h - dilation_h*(KH-1) - 1)/stride_h + 1, rounded down; OW likewise
 *
 * Usual order: model_conv2d_check once; model_conv2d_packed_bytes and model_conv2d_scratch_bytes, then memory; in training,
 * after each weight update, model_conv2d_pack for both passes; forward, backward_data, backward_weights.
 *
 * A linear layer is ih = 1, iw = rows, k = 1. A transposed convolution is the same struct read backwards, see below. */
#ifndef MODEL_KERNELS_CONV2D_H
#define MODEL_KERNELS_CONV2D_H
#include "model/kernels/kernels.h"

/* What is multiplied: tensors are float32 in memory and sums are float32 either way.
 *   MODEL_FP32   the values as they are
 *   MODEL_BF16   src, weights and grad_dst rounded to bfloat16 (nearest even, denormals to zero) as they are copied for the tiles; sums of
 *                pairs in an order that does not depend on the level (bf16.h). Depthwise convolutions stay float32 */
typedef enum model_precision { MODEL_FP32, MODEL_BF16 } model_precision;
extern const char *const model_precision_names[]; /* "fp32", "bf16", NULL */

#define MODEL_CONV2D_MAX_WINDOW 16 /* largest kh, kw */

typedef struct model_conv2d {
    int n;                      /* images */
    int ic, ih, iw;             /* src */
    int oc;                     /* dst channels; oh and ow follow */
    int kh, kw;                 /* window, 1..MODEL_CONV2D_MAX_WINDOW */
    int stride_h, stride_w;     /* >= 1 */
    int padding_h, padding_w;   /* per side, >= 0 */
    int dilation_h, dilation_w; /* 1 = none */
    int src_pitch, dst_pitch;   /* floats from pixel to pixel; >= ic, >= oc */
    int groups; /* that divide ic and oc; 0 is taken as 1. groups = ic = oc (depthwise) has loops of its own; other
                                   groups run one after the other and pay off from 16 channels a group on */
    model_precision precision;
} model_conv2d;

/* Refuses sizes that are not positive, windows larger than the padded image, pitches below the channels, products past 2^31. */
bool model_conv2d_check(const model_conv2d *s, base_error *err);
int model_conv2d_oh(const model_conv2d *s);
int model_conv2d_ow(const model_conv2d *s);
int model_conv2d_groups(const model_conv2d *s);         /* >= 1 */
int model_conv2d_group_channels(const model_conv2d *s); /* IC/groups */
bool model_conv2d_depthwise(const model_conv2d *s);     /* groups = ic = oc > 1 */
/* Nominal work of one pass (forward or either backward): 2*N*OH*OW*OC*(IC/groups)*KH*KW, padding counted. */
double model_conv2d_flops(const model_conv2d *s);

/* Shapes as text, for tests, timings and bug reports: "n1_ic32oc32_ih128iw256_k3s1p1d1"; unequal sides as "k5x1s1p2x0d1"
 * (height x width); pitches other than the channels as a last part "_sp40dp64"; groups first, as in oneDNN's: "g32n1_ic32oc32_...".
 * format returns text. */
#define MODEL_CONV2D_TEXT 128
bool model_conv2d_parse(model_conv2d *s, const char *text, base_error *err);
char *model_conv2d_format(const model_conv2d *s, char text[MODEL_CONV2D_TEXT]);

typedef enum model_pass {
    MODEL_FORWARD,
    MODEL_BACKWARD_DATA,
    MODEL_BACKWARD_WEIGHTS, /* packs nothing: packed bytes 0 */
    MODEL_PASS_COUNT
} model_pass;

/* Packed weights are the kernels' own order for one row, one shape and one pass (n, ih, iw and the pitches do not matter).
 * They are not a file format. Packing runs on cpu->threads. */
size_t model_conv2d_packed_bytes(const model_cpu *cpu, const model_conv2d *s, model_pass pass);
void model_conv2d_pack(const model_cpu *cpu, const model_conv2d *s, model_pass pass, const float *weights, float *packed);

/* Scratch for one call, 64-byte aligned, contents undefined before and after. Depends on cpu->threads. */
size_t model_conv2d_scratch_bytes(const model_cpu *cpu, const model_conv2d *s, model_pass pass);

/* dst = weights * src + bias, then max(0, .) when relu. packed: MODEL_FORWARD. */
void model_conv2d_forward(const model_cpu *cpu, const model_conv2d *s, const float *src, const float *packed, const float *bias,
                          bool relu, float *dst, void *scratch);

/* grad_src[n][a][b][c] = sum of weights[o][c][u][v] * grad_dst[n][y][x][o] over every (o, u, v, y, x) that used it; every pixel
 * is written (zero where nothing used it). With accumulate the sum is added to what grad_src holds. packed: MODEL_BACKWARD_DATA.
 * Pitches: grad_src src_pitch, grad_dst dst_pitch. */
void model_conv2d_backward_data(const model_cpu *cpu, const model_conv2d *s, const float *grad_dst, const float *packed,
                                bool accumulate, float *grad_src, void *scratch);

/* grad_weights[o][c][u][v] = sum over n, y, x of grad_dst * src, grad_bias[o] = sum of grad_dst; both overwritten.
 * grad_bias may be NULL. The sum is cut into chunks of rows; their number depends on the shape only, and partial sums are
 * added in chunk order. */
void model_conv2d_backward_weights(const model_cpu *cpu, const model_conv2d *s, const float *src, const float *grad_dst,
                                   float *grad_weights, float *grad_bias, void *scratch);

/* Transposed convolution: *s describes the convolution whose transpose it is, so s->dst is what is read and s->src what is
 * written: src [N][OH][OW][OC] pitch dst_pitch, dst [N][IH][IW][IC] pitch src_pitch, weights [OC][IC][KH][KW], which is
 * PyTorch's order for ConvTranspose2d(OC, IC); one group. With k = stride = 2 it is a 1x1 convolution and a depth-to-space in one.
 * Packed and scratch bytes and model_conv2d_pack: of the same *s, with these passes (note the exchange):
 *     transpose forward           MODEL_BACKWARD_DATA
 *     transpose backward data     MODEL_FORWARD
 *     transpose backward weights  MODEL_BACKWARD_WEIGHTS
 * bias [IC] or NULL. */
model_conv2d model_conv2d_transposed_2x2(int n, int channels_in, int channels_out, int in_h, int in_w);
void model_conv2d_transposed_forward(const model_cpu *cpu, const model_conv2d *s, const float *src, const float *packed,
                                     const float *bias, bool relu, float *dst, void *scratch);
void model_conv2d_transposed_backward_data(const model_cpu *cpu, const model_conv2d *s, const float *grad_dst,
                                           const float *packed, float *grad_src, void *scratch);
/* grad_weights [OC][IC][KH][KW], grad_bias [IC] or NULL. */
void model_conv2d_transposed_backward_weights(const model_cpu *cpu, const model_conv2d *s, const float *src,
                                              const float *grad_dst, float *grad_weights, float *grad_bias, void *scratch);

/* The definition, in double: naive loops, never tuned, single-threaded. weights unpacked. What tests and benches compare with. */
void model_conv2d_forward_ref(const model_conv2d *s, const float *src, const float *weights, const float *bias, bool relu,
                              double *dst);
void model_conv2d_backward_data_ref(const model_conv2d *s, const float *grad_dst, const float *weights, double *grad_src);
void model_conv2d_backward_weights_ref(const model_conv2d *s, const float *src, const float *grad_dst, double *grad_weights,
                                       double *grad_bias);
/* Their outputs are dense: [N][OH][OW][OC], [N][IH][IW][IC], [OC][IC/groups][KH][KW], [OC]. */

/* One element of the same, without bias, for checks of layers too large for the whole reference. pixel counts N*H*W of the output
 * (forward: dst, backward data: src); weight is the index in [OC][IC/groups][KH][KW]. */
double model_conv2d_forward_at(const model_conv2d *s, const float *src, const float *weights, size_t pixel, int o);
double model_conv2d_backward_data_at(const model_conv2d *s, const float *grad_dst, const float *weights, size_t pixel, int c);
double model_conv2d_backward_weights_at(const model_conv2d *s, const float *src, const float *grad_dst, size_t weight);
#endif
