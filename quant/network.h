/* quant/network.h — what a quant_model is made of. For quant/ and its tests alone.
 *
 * The architecture is not stored: it is rebuilt from the description by model_fold_graph, for any image size, and layers are found by
 * name. Only three kinds of node carry numbers of their own; max-pool, crop and reflection pass their input's parameters on. */
#ifndef QUANT_NETWORK_H
#define QUANT_NETWORK_H
#include "quant/quant.h"

#define QUANT_FORMAT 1

/* Padding of the image, half a level above real 0 (127.5). */
#define QUANT_PIXEL_ZERO  128
#define QUANT_PIXEL_SCALE (1.0f / 127.5f)

typedef struct quant_layer {
    char name[MODEL_NAME_BYTES];
    model_op op;      /* CONV2D, CONV_TRANSPOSE2D or CONCAT */
    bool last;        /* the 1x1 convolution whose sums are the logits */
    quant_params out; /* not of the last layer */
    int ic, oc, taps; /* convolutions; taps = kernel * kernel, 4 when transposed */
    int8_t *weights;  /* as quant_conv wants them: [oc][kh][kw][ic]; transposed [2*dy + dx][oc][ic] */
    float *weight_scale;
    int32_t *bias;                     /* without the correction for the source's zero point */
    float *multiplier;                 /* NULL for the last layer */
    uint8_t *tables[MODEL_MAX_INPUTS]; /* CONCAT: 256 bytes each, NULL where input and output have the same parameters */
} quant_layer;

struct quant_model {
    model_description about;
    quant_layer *layers; /* in the order of the graph */
    int layer_count;
    cJSON *note; /* calibration, may be NULL */
};

/* A model with one zeroed layer per convolution and concat of g (memory taken, numbers missing). Refuses networks whose last
 * layer is no 1x1 convolution, and nodes that the integer network has no form for. */
quant_model *quant_model_blank(const model_description *d, const model_graph *g, base_error *err);
/* NULL when there is none of that name. */
quant_layer *quant_layer_find(const quant_model *q, const char *name);

/* Through crops, pools and reflections to the node whose parameters node i carries. */
int quant_origin(const model_graph *g, int node);
/* Node of the last convolution: the output, or what the output is cropped from. -1: there is none. */
int quant_last_layer(const model_graph *g);

/* Parameters of the bytes that node i gives: pixels for the input. */
quant_params quant_node_params(const quant_model *q, const model_graph *g, int node);
/* What a sum must start from so that bytes can be multiplied as they are: bias - zero point * sum of weights; from pixels
 * bias - rint(127.5 * sum). out: [oc], transposed [4][oc]: each phase sees weights of its own. */
void quant_corrected_bias(const quant_layer *l, quant_params src, bool pixels, int32_t *out);
/* Sums of this layer stay within int32 for all inputs: |bias| + 2 * 255 * sum|w| < 2^31. */
bool quant_sums_fit(const quant_layer *l, base_error *err);

/* Order of the file (PyTorch) to order of the kernels and back. */
void quant_weights_from_file(const quant_layer *l, const int8_t *file, int8_t *kernel);
void quant_weights_to_file(const quant_layer *l, const int8_t *kernel, int8_t *file);
#endif
