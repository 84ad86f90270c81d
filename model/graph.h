/* model/graph.h — a network as a list of nodes: what is computed, from what, with which parameters. No memory, no numbers.
 *
 * A graph is built once for one image size; every node then knows the shape of its output for ONE image. The batch size
 * belongs to the plan (model/plan.h), the numbers to a parameter store (model/parameters.h), so that one graph serves
 * training, inference and quantisation. Parameters do not depend on the image size: graphs of one network for two sizes
 * share a store.
 *
 *     model_graph g;
 *     model_graph_start(&g, 128, 256, 3);
 *     int x = model_graph_conv2d(&g, "stem", 0, &(model_conv_spec){ .oc = 8, .kernel = 3, .padding = 1 });
 *     x = model_graph_relu(&g, "stem.relu", x);
 *     if (!model_graph_finish(&g, x, err)) ...             the first thing that went wrong in any of the calls above
 *     ...
 *     model_graph_destroy(&g);
 *
 * Nodes stand in topological order: node i reads only nodes below i, node 0 is the input. Tensors are NHWC,
 * element (n, y, x, c) at ((n*H + y)*W + x)*pitch + c, pitch >= C. A concat costs nothing: its producers write into channel
 * slices of its buffer. */
#ifndef MODEL_GRAPH_H
#define MODEL_GRAPH_H
#include "base/error.h"

#define MODEL_NAME_BYTES 64
#define MODEL_MAX_INPUTS 4

typedef enum model_op {
    MODEL_OP_INPUT,            /* the image, float, x/127.5 - 1 per channel R, G, B */
    MODEL_OP_REFLECT_PAD,      /* reflect-101 border of top/bottom/left/right pixels */
    MODEL_OP_CONV2D,           /* cross-correlation with zero padding; bias and ReLU optional */
    MODEL_OP_CONV_TRANSPOSE2D, /* 2x2, stride 2: windows do not overlap; with bias */
    MODEL_OP_BATCHNORM,        /* per channel; batch statistics in training, running ones in inference; ReLU optional */
    MODEL_OP_RELU,
    MODEL_OP_MAXPOOL, /* 2x2, stride 2, odd last row or column dropped */
    MODEL_OP_CROP,    /* top/bottom/left/right pixels removed */
    MODEL_OP_CONCAT   /* channels of input 0, then of input 1, ... */
} model_op;

typedef struct model_node {
    model_op op;
    char name[MODEL_NAME_BYTES]; /* module path as in PyTorch, "encoder.0.conv1" */
    int inputs[MODEL_MAX_INPUTS];
    int input_count;
    int h, w, c;                           /* output of one image */
    int kernel, stride, padding, dilation; /* CONV2D: square window; CONV_TRANSPOSE2D: 2, 2, 0, 1 */
    int groups;                            /* CONV2D: >= 1; as many as channels on both sides is depthwise */
    int top, bottom, left, right;          /* REFLECT_PAD, CROP: pixels */
    float eps, momentum;                   /* BATCHNORM */
    bool relu;        /* CONV2D, BATCHNORM: max(0, .) follows inside the node (model_graph_fuse_relu, model_fold) */
    int weight, bias; /* parameter indices, -1 = none; BATCHNORM: gamma, beta */
    int running_mean, running_var; /* BATCHNORM; -1 elsewhere */
} model_node;

typedef enum model_parameter_kind {
    MODEL_PARAMETER_WEIGHT, /* convolution weights: the only kind that weight decay touches */
    MODEL_PARAMETER_BIAS,
    MODEL_PARAMETER_GAMMA,
    MODEL_PARAMETER_BETA,
    MODEL_PARAMETER_MEAN, /* running statistics: stored, not trained */
    MODEL_PARAMETER_VAR
} model_parameter_kind;

typedef struct model_parameter {
    char name[MODEL_NAME_BYTES + 16]; /* node name + ".weight", ".bias", ".running_mean", ".running_var" */
    model_parameter_kind kind;
    int node; /* owner */
    int rank; /* 4 for weights, else 1 */
    int dims
        [4]; /* CONV2D [oc][ic/groups][kh][kw]; CONV_TRANSPOSE2D [ic][oc][2][2]; else [c] — PyTorch's order, in memory and in files */
    size_t count;  /* product of dims */
    size_t offset; /* of its first float in the store; a multiple of 16 (64 bytes) */
} model_parameter;

typedef struct model_graph {
    model_node *nodes;
    int node_count, node_capacity;
    model_parameter *parameters;
    int parameter_count, parameter_capacity;
    size_t store_floats;  /* of a whole parameter store, gaps between parameters included */
    size_t weight_floats; /* its first part, where every MODEL_PARAMETER_WEIGHT lies: what weight decay touches */
    int output;           /* node whose values are the logits */
    base_error error;     /* first failure of a building call; code BASE_OK while there is none */
} model_graph;

/* Start with the input node (index 0). Sizes are judged here and by every call below; failures are kept until
 * model_graph_finish. */
void model_graph_start(model_graph *g, int h, int w, int c);

typedef struct model_conv_spec {
    int oc;
    int kernel;   /* window side */
    int stride;   /* 0 is taken as 1 */
    int padding;  /* zero rows and columns per side */
    int dilation; /* 0 is taken as 1, which is none */
    bool bias;
    int groups; /* that divide the channels of both sides; 0 is taken as 1 */
} model_conv_spec;

/* Each call adds one node and returns its index, or -1 after a failure (also when an input is -1, so calls can be chained). */
int model_graph_conv2d(model_graph *g, const char *name, int input, const model_conv_spec *s);
int model_graph_conv_transpose2d(model_graph *g, const char *name, int input, int oc);
int model_graph_batchnorm(model_graph *g, const char *name, int input); /* eps 1e-5, momentum 0.1 */
int model_graph_relu(model_graph *g, const char *name, int input);
int model_graph_maxpool(model_graph *g, const char *name, int input);
typedef struct model_sides {
    int top, bottom, left, right;
} model_sides;
int model_graph_reflect_pad(model_graph *g, const char *name, int input, model_sides add);
int model_graph_crop(model_graph *g, const char *name, int input, model_sides remove);
int model_graph_concat(model_graph *g, const char *name, int first, int second);

/* Name the output, lay out the store (weights first) and report the first failure. After false the graph may only be
 * destroyed. */
bool model_graph_finish(model_graph *g, int output, base_error *err);
void model_graph_destroy(model_graph *g); /* {0} is accepted */

/* Rewrite: a ReLU that is the only consumer of a CONV2D or BATCHNORM moves into it. Parameters keep their order and offsets. */
bool model_graph_fuse_relu(model_graph *g, base_error *err);

/* -1 when there is none of that name. */
int model_graph_find_node(const model_graph *g, const char *name);
int model_graph_find_parameter(const model_graph *g, const char *name);
bool model_parameter_trainable(const model_parameter *p);
/* Nodes that read node i. */
int model_graph_consumers(const model_graph *g, int node);
size_t model_graph_trainable_count(const model_graph *g); /* what papers call the number of parameters */
/* Multiply-adds of the convolutions for one image, padding taps counted (networks.md, section 0). */
double model_graph_macs(const model_graph *g);
/* A constant lower-case word: "conv2d". */
const char *model_op_name(model_op op);
#endif
