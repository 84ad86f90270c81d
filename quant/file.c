/* The int8 model on disk; quant.h lists its bytes. */
#include "quant/network.h"
#include "base/arena.h"
#include "base/file.h"
#include "model/safetensors.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define METADATA_KEY "laneloop.quant"
#define NAME_BYTES   MODEL_TENSOR_NAME_BYTES

static const char *tensor_name(char out[NAME_BYTES], const quant_layer *l, const char *part)
{
    snprintf(out, NAME_BYTES, "%s.%s", l->name, part);
    return out;
}

/* Shape of NAME.weight in PyTorch's order. */
static void weight_dims(const quant_layer *l, int64_t dims[4])
{
    int side = l->taps == 1 ? 1 : (int)lrint(sqrt(l->taps));
    bool transposed = l->op == MODEL_OP_CONV_TRANSPOSE2D;
    dims[0] = transposed ? l->ic : l->oc;
    dims[1] = transposed ? l->oc : l->ic;
    dims[2] = dims[3] = side;
}

/* ---- writing ---- */
typedef struct tensor_list {
    model_tensor *list;
    size_t count;
    void **owned; /* memory that list points to and the model does not have in this order */
    size_t owned_count;
} tensor_list;

static void add(tensor_list *t, const quant_layer *l, const char *part, model_dtype dtype, int rank, const int64_t *dims,
                const void *data)
{
    char name[NAME_BYTES];
    t->list[t->count++] = model_tensor_make(tensor_name(name, l, part), dtype, rank, dims, data);
}

static bool add_layer(tensor_list *t, const quant_layer *l, base_error *err)
{
    int64_t oc = l->oc, two = 2, bytes = 256, dims[4];
    if (!l->last) {
        float *output = t->owned[t->owned_count++] = base_alloc(2 * sizeof *output, err);
        if (!output)
            return false;
        output[0] = l->out.scale;
        output[1] = (float)l->out.zero_point;
        add(t, l, "output", MODEL_F32, 1, &two, output);
    }
    for (int k = 0; k < MODEL_MAX_INPUTS; k++) {
        char part[16];
        snprintf(part, sizeof part, "table.%d", k);
        if (l->tables[k])
            add(t, l, part, MODEL_U8, 1, &bytes, l->tables[k]);
    }
    if (l->op == MODEL_OP_CONCAT)
        return true;
    int8_t *weights = t->owned[t->owned_count++] = base_alloc((size_t)l->oc * l->ic * l->taps, err);
    if (!weights)
        return false;
    quant_weights_to_file(l, l->weights, weights);
    weight_dims(l, dims);
    add(t, l, "weight_scale", MODEL_F32, 1, &oc, l->weight_scale);
    if (l->multiplier)
        add(t, l, "multiplier", MODEL_F32, 1, &oc, l->multiplier);
    add(t, l, "bias", MODEL_I32, 1, &oc, l->bias);
    add(t, l, "weight", MODEL_I8, 4, dims, weights);
    return true;
}

/* Wider types first, so that every tensor lies at a multiple of its element's size. Stable within a type. */
static void order_by_width(tensor_list *t)
{
    model_tensor *sorted = t->list + t->count; /* the list has room for twice its entries */
    size_t n = 0;
    for (int wide = 1; wide >= 0; wide--)
        for (size_t i = 0; i < t->count; i++)
            if ((model_dtype_bytes(t->list[i].dtype) == 4) == wide)
                sorted[n++] = t->list[i];
    memcpy(t->list, sorted, n * sizeof *sorted);
}

static char *print_metadata(const quant_model *q, base_error *err)
{
    cJSON *root = cJSON_CreateObject(), *about = model_description_print(&q->about);
    cJSON *note = q->note ? cJSON_Duplicate(q->note, true) : NULL;
    char *text = NULL;
    if (root && about && (note || !q->note)) {
        cJSON_AddNumberToObject(root, "format", QUANT_FORMAT);
        cJSON_AddItemToObject(root, "model", about);
        if (note)
            cJSON_AddItemToObject(root, "calibration", note);
        about = note = NULL;
        text = cJSON_PrintUnformatted(root);
    }
    cJSON_Delete(about);
    cJSON_Delete(note);
    cJSON_Delete(root);
    if (!text)
        base_fail(err, BASE_MEMORY, "quant: no memory for the description");
    return text;
}

bool quant_model_save(const quant_model *q, const char *dir, base_error *err)
{
    enum { PER_LAYER = 5 + MODEL_MAX_INPUTS };
    char path[4096];
    char *text = print_metadata(q, err);
    tensor_list t = { .list = base_alloc_zero((size_t)q->layer_count * PER_LAYER * 2, sizeof *t.list, err),
                      .owned = base_alloc_zero((size_t)q->layer_count * 2, sizeof *t.owned, err) };
    bool ok = text && t.list && t.owned && base_dir_create(dir, err) && base_path_join(path, sizeof path, dir, QUANT_FILE, err);
    for (int i = 0; ok && i < q->layer_count; i++)
        ok = add_layer(&t, &q->layers[i], err);
    if (ok) {
        order_by_width(&t);
        model_metadata about = { METADATA_KEY, text };
        ok = model_safetensors_write(path, t.list, t.count, &about, 1, err);
    }
    for (size_t i = 0; i < t.owned_count; i++)
        free(t.owned[i]);
    free(t.owned);
    free(t.list);
    free(text);
    return ok;
}

/* ---- reading ---- */
static bool is_file(const char *path)
{
    size_t n = strlen(path), m = strlen(QUANT_FILE);
    return n >= m && !strcmp(path + n - m, QUANT_FILE);
}

static bool file_of(const char *path, char *out, size_t bytes, base_error *err)
{
    if (is_file(path)) {
        if ((size_t)snprintf(out, bytes, "%s", path) < bytes)
            return true;
        return base_fail(err, BASE_ARGUMENT, "path is longer than %zu bytes", bytes - 1);
    }
    return base_path_join(out, bytes, path, QUANT_FILE, err);
}

bool quant_model_present(const char *path)
{
    char file[4096];
    return file_of(path, file, sizeof file, NULL) && base_file_exists(file);
}

static bool read_floats(const model_safetensors *s, const quant_layer *l, const char *part, int count, float lo, float *dst,
                        base_error *err)
{
    char name[NAME_BYTES];
    int64_t dim = count;
    if (!model_safetensors_get(s, tensor_name(name, l, part), MODEL_F32, 1, &dim, dst, err))
        return false;
    for (int i = 0; i < count; i++)
        if (!(dst[i] >= lo && isfinite(dst[i])))
            return base_fail(err, BASE_FORMAT, "%s: tensor %s[%d] is %g, expected a finite number of at least %g", s->path,
                             name, i, (double)dst[i], (double)lo);
    return true;
}

static bool read_params(const model_safetensors *s, quant_layer *l, base_error *err)
{
    float output[2];
    if (!read_floats(s, l, "output", 2, 0.0f, output, err))
        return false;
    if (output[0] < 0x1p-100f || output[1] > 255.0f || output[1] != rintf(output[1]))
        return base_fail(err, BASE_FORMAT, "%s: tensor %s.output: expected a scale and a zero point in 0..255, found %g and %g",
                         s->path, l->name, (double)output[0], (double)output[1]);
    l->out = (quant_params){ output[0], (int32_t)output[1] };
    return true;
}

static bool read_convolution(const model_safetensors *s, quant_layer *l, base_error *err)
{
    char name[NAME_BYTES];
    int64_t oc = l->oc, dims[4];
    weight_dims(l, dims);
    size_t count = (size_t)l->oc * l->ic * l->taps;
    int8_t *weights = base_alloc(count, err);
    bool ok = weights && model_safetensors_get(s, tensor_name(name, l, "weight"), MODEL_I8, 4, dims, weights, err) &&
              model_safetensors_get(s, tensor_name(name, l, "bias"), MODEL_I32, 1, &oc, l->bias, err) &&
              /* a scale below 2^-126 makes denormal products: a dead channel, not a weight */
              read_floats(s, l, "weight_scale", l->oc, 0x1p-126f, l->weight_scale, err) &&
              (l->last || read_floats(s, l, "multiplier", l->oc, 0x1p-126f, l->multiplier, err));
    for (size_t i = 0; ok && i < count; i++)
        if (weights[i] == -128)
            ok = base_fail(err, BASE_FORMAT, "%s: tensor %s.weight: element %zu is -128, weights are in [-127, 127]", s->path,
                           l->name, i);
    if (ok)
        quant_weights_from_file(l, weights, l->weights);
    free(weights);
    return ok && (quant_sums_fit(l, err) || base_fail_in(err, "%s", s->path));
}

/* The multiplier that scales, in the file, imply: a file whose numbers contradict each other is refused. */
static bool check_multipliers(const model_safetensors *s, const quant_layer *l, quant_params src, base_error *err)
{
    for (int o = 0; l->multiplier && o < l->oc; o++) {
        float want = (src.scale * l->weight_scale[o]) / l->out.scale;
        if (l->multiplier[o] != want)
            return base_fail(err, BASE_FORMAT, "%s: tensor %s.multiplier[%d] is %.9g, its scales give %.9g", s->path, l->name,
                             o, (double)l->multiplier[o], (double)want);
    }
    return true;
}

static bool read_tables(const model_safetensors *s, const quant_model *q, const model_graph *g, int node, quant_layer *l,
                        base_error *err)
{
    const model_node *n = &g->nodes[node];
    int64_t dim = 256;
    for (int k = 0; k < n->input_count; k++) {
        char part[16], name[NAME_BYTES];
        snprintf(part, sizeof part, "table.%d", k);
        if (quant_params_equal(quant_node_params(q, g, n->inputs[k]), l->out))
            continue;
        if (!(l->tables[k] = base_alloc(256, err)) ||
            !model_safetensors_get(s, tensor_name(name, l, part), MODEL_U8, 1, &dim, l->tables[k], err))
            return false;
        for (int i = 1; i < 256; i++)
            if (l->tables[k][i] < l->tables[k][i - 1])
                return base_fail(err, BASE_FORMAT, "%s: tensor %s: entry %d is %d after %d, a re-scaling never falls", s->path,
                                 name, i, l->tables[k][i], l->tables[k][i - 1]);
    }
    return true;
}

/* Every tensor must belong to a layer: a longer file is of another network. */
static bool no_strangers(const model_safetensors *s, const quant_model *q, base_error *err)
{
    for (size_t i = 0; i < s->count; i++) {
        bool known = false;
        for (int l = 0; l < q->layer_count && !known; l++) {
            size_t n = strlen(q->layers[l].name);
            known = !strncmp(s->tensors[i].name, q->layers[l].name, n) && s->tensors[i].name[n] == '.';
        }
        if (!known)
            return base_fail(err, BASE_FORMAT, "%s: tensor %s belongs to no layer of the network that the file describes",
                             s->path, s->tensors[i].name);
    }
    return true;
}

static bool read_layers(const model_safetensors *s, quant_model *q, const model_graph *g, base_error *err)
{
    for (int i = 0; i < q->layer_count; i++) {
        quant_layer *l = &q->layers[i];
        if ((!l->last && !read_params(s, l, err)) || (l->op != MODEL_OP_CONCAT && !read_convolution(s, l, err)))
            return false;
    }
    for (int i = 0; i < g->node_count; i++) {
        quant_layer *l = quant_layer_find(q, g->nodes[i].name);
        if (!l)
            continue;
        if (l->op == MODEL_OP_CONCAT ? !read_tables(s, q, g, i, l, err)
                                     : !check_multipliers(s, l, quant_node_params(q, g, g->nodes[i].inputs[0]), err))
            return false;
    }
    return no_strangers(s, q, err);
}

static bool read_description(const model_safetensors *s, model_description *d, cJSON **note, base_error *err)
{
    char *text = model_safetensors_metadata(s, METADATA_KEY, err), name[600];
    base_json j = { 0 };
    int64_t format;
    snprintf(name, sizeof name, "%s (%s)", s->path, METADATA_KEY);
    bool ok = text && base_json_parse(&j, text, strlen(text), name, err) &&
              base_json_int(&j, j.root, "format", 0, INT32_MAX, &format, err);
    if (ok && format != QUANT_FORMAT)
        ok = base_fail(err, BASE_VERSION, "%s: format %d, this build reads %d", name, (int)format, QUANT_FORMAT);
    const cJSON *about = ok ? base_json_member(&j, j.root, "model", err) : NULL;
    ok = about && model_description_read(d, &j, about, err);
    const cJSON *calibration = ok ? cJSON_GetObjectItemCaseSensitive(j.root, "calibration") : NULL;
    *note = calibration ? cJSON_Duplicate(calibration, true) : NULL;
    base_json_free(&j);
    free(text);
    return ok;
}

/* The description sizes what is allocated next: hold it against the bytes that came with it. */
static bool weights_present(const model_safetensors *s, const model_graph *g, base_error *err)
{
    size_t weights = 0;
    for (int i = 0; i < g->parameter_count; i++)
        if (g->parameters[i].kind == MODEL_PARAMETER_WEIGHT)
            weights += g->parameters[i].count;
    return weights <= s->file_bytes ||
           base_fail(err, BASE_FORMAT, "%s: %zu bytes, the network that it describes has %zu weights", s->path, s->file_bytes,
                     weights);
}

/* s was read; it is freed here. */
static quant_model *load(model_safetensors *s, base_error *err)
{
    quant_model *q = NULL;
    model_description d;
    model_graph g = { 0 };
    cJSON *note = NULL;
    bool ok = read_description(s, &d, &note, err) &&
              (model_fold_graph(&d, d.image_h, d.image_w, &g, err) || base_fail_in(err, "%s", s->path)) &&
              weights_present(s, &g, err) && ((q = quant_model_blank(&d, &g, err)) || base_fail_in(err, "%s", s->path)) &&
              read_layers(s, q, &g, err);
    if (ok) {
        q->note = note;
        note = NULL;
    } else {
        quant_model_destroy(q);
        q = NULL;
    }
    cJSON_Delete(note);
    model_graph_destroy(&g);
    model_safetensors_free(s);
    return q;
}

quant_model *quant_model_load(const char *path, base_error *err)
{
    char file[4096];
    model_safetensors s = { 0 };
    if (!file_of(path, file, sizeof file, err) || !model_safetensors_read(&s, file, err))
        return NULL;
    return load(&s, err);
}

quant_model *quant_model_parse(const void *bytes, size_t count, const char *name, base_error *err)
{
    model_safetensors s = { 0 };
    return model_safetensors_parse(&s, bytes, count, name, err) ? load(&s, err) : NULL;
}
