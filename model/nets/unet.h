/* model/nets/unet.h — U-Net: an encoder that halves, a decoder that doubles, and skips between equal sizes.
 *
 * Two variants (Ronneberger et al., MICCAI 2015, is the ancestor of both):
 *
 *   same      two [3x3 pad 1 without bias, BatchNorm, ReLU] per level, widths b, 2b, ..., bottleneck b*2^depth; transposed 2x2
 *             convolutions halve the channels; concat [skip, up]; 1x1 head with bias.
 *             Parameters of depth 4: 7574 b^2 + (226 + K) b + K for K outputs.
 *   original  the older project's network: 3x3 without padding, with bias, no BatchNorm; the bottleneck goes
 *             b*2^(d-1) -> b*2^d -> b*2^(d-1); transposed convolutions keep the channels; skips are centre-cropped.
 *             Depth 4: 5704 b^2 + (119 + K) b + K. The image is reflected outwards first (92 pixels for depth 4) and the
 *             output cropped back.
 *
 * Any image size is accepted: `same` pads to a multiple of 2^depth, `original` to the next side that its pools halve without
 * rest. */
#ifndef MODEL_NETS_UNET_H
#define MODEL_NETS_UNET_H
#include "model/graph.h"

typedef enum model_unet_variant { MODEL_UNET_SAME, MODEL_UNET_ORIGINAL } model_unet_variant;

typedef struct model_unet_options {
    model_unet_variant variant;
    int base;     /* channels of the first level, 1..256 */
    int depth;    /* number of poolings, 1..6 */
    int channels; /* of the image, 1..16; default 3 */
    int outputs;  /* logits per pixel, 1..64: 1 = binary, else one per class */
} model_unet_options;

extern const char *const model_unet_variant_names[]; /* "same", "original", NULL */

model_unet_options model_unet_options_default(void); /* same, base 8, depth 4, 3 channels, 3 outputs */
bool model_unet_options_check(const model_unet_options *o, base_error *err);
/* Build for images of h x w; the output node is [h][w][outputs] logits. */
bool model_unet_build(model_graph *g, const model_unet_options *o, int h, int w, base_error *err);
#endif
