#include "model/checkpoint.h"
#include "base/file.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_BYTES 4096

static void dims_of(const model_parameter *p, int64_t dims[4])
{
    for (int i = 0; i < 4; i++)
        dims[i] = p->dims[i];
}

bool model_parameters_read(model_parameters *p, const model_graph *g, const model_safetensors *s, const char *prefix,
                           bool trainable_only, base_error *err)
{
    size_t known = 0;
    for (int i = 0; i < g->parameter_count; i++) {
        const model_parameter *q = &g->parameters[i];
        char name[MODEL_TENSOR_NAME_BYTES];
        int64_t dims[4];
        if (trainable_only && !model_parameter_trainable(q))
            continue;
        dims_of(q, dims);
        snprintf(name, sizeof name, "%s%s", prefix, q->name);
        if (!model_safetensors_get(s, name, MODEL_F32, q->rank, dims, p ? model_parameter_at(g, p, i) : NULL, err))
            return base_fail_in(err, "not this network's weights");
        known++;
    }
    /* Anything else must be a count of batches, which PyTorch keeps and nothing here needs. */
    for (size_t i = 0; i < s->count; i++) {
        const char *name = s->tensors[i].name, *tail = strrchr(name, '.');
        if (strncmp(name, prefix, strlen(prefix)) != 0 || (tail && !strcmp(tail, ".num_batches_tracked")))
            continue;
        if (model_graph_find_parameter(g, name + strlen(prefix)) < 0)
            return base_fail(err, BASE_FORMAT, "%s: tensor %s is not part of this network (it has %zu tensors)", s->path, name,
                             known);
    }
    return true;
}

static size_t list_tensors(const model_parameters *p, const model_graph *g, const char *prefix, bool trainable_only,
                           model_tensor *tensors)
{
    size_t count = 0;
    for (int i = 0; i < g->parameter_count; i++) {
        const model_parameter *q = &g->parameters[i];
        char name[MODEL_TENSOR_NAME_BYTES];
        int64_t dims[4];
        if (trainable_only && !model_parameter_trainable(q))
            continue;
        dims_of(q, dims);
        snprintf(name, sizeof name, "%s%s", prefix, q->name);
        tensors[count++] = model_tensor_make(name, MODEL_F32, q->rank, dims, model_parameter_at(g, p, i));
    }
    return count;
}

static bool write_weights(const model *m, int64_t steps, const char *path, base_error *err)
{
    const model_graph *g = &m->graph;
    model_tensor *tensors = calloc((size_t)g->parameter_count * 2, sizeof *tensors);
    if (!tensors)
        return base_fail(err, BASE_MEMORY, "%s: no memory for %d tensor names", path, g->parameter_count);
    size_t count = 0;
    for (int i = 0; i < g->node_count; i++) /* 8-byte values first: everything after them stays aligned */
        if (g->nodes[i].op == MODEL_OP_BATCHNORM) {
            char name[MODEL_TENSOR_NAME_BYTES];
            snprintf(name, sizeof name, "%s.num_batches_tracked", g->nodes[i].name);
            tensors[count++] = model_tensor_make(name, MODEL_I64, 0, NULL, &steps);
        }
    count += list_tensors(&m->weights, g, "", false, tensors + count);
    bool ok = model_safetensors_write(path, tensors, count, (model_metadata[]){ { "format", "pt" } }, 1, err);
    free(tensors);
    return ok;
}

static bool write_optimizer(const model_optimizer *o, const model *m, const char *path, base_error *err)
{
    model_tensor *tensors = calloc((size_t)m->graph.parameter_count * 2, sizeof *tensors);
    if (!tensors)
        return base_fail(err, BASE_MEMORY, "%s: no memory for %d tensor names", path, m->graph.parameter_count);
    size_t count = list_tensors(&o->m, &m->graph, "m.", true, tensors);
    count += list_tensors(&o->v, &m->graph, "v.", true, tensors + count);
    bool ok = model_safetensors_write(path, tensors, count, NULL, 0, err);
    free(tensors);
    return ok;
}

static bool write_state(const model *m, const cJSON *training, const char *path, base_error *err)
{
    cJSON *state = cJSON_CreateObject();
    cJSON_AddNumberToObject(state, "format", MODEL_FORMAT);
    cJSON_AddItemToObject(state, "model", model_description_print(&m->about));
    if (training)
        cJSON_AddItemToObject(state, "training", cJSON_Duplicate(training, true));
    char *text = cJSON_Print(state);
    bool ok = text ? base_file_write(path, text, strlen(text), true, err)
                   : base_fail(err, BASE_MEMORY, "%s: no memory to write it", path);
    cJSON_free(text);
    cJSON_Delete(state);
    return ok;
}

bool model_checkpoint_write(const model *m, const model_optimizer *optimizer, int64_t steps, const cJSON *training,
                            const char *dir, base_error *err)
{
    char temporary[PATH_BYTES], path[PATH_BYTES];
    if ((size_t)snprintf(temporary, sizeof temporary, "%s.tmp", dir) >= sizeof temporary)
        return base_fail(err, BASE_ARGUMENT, "%s: path too long", dir);
    if (!base_dir_remove(temporary, err) || !base_dir_create(temporary, err))
        return false;
    if (!base_path_join(path, sizeof path, temporary, "model.safetensors", err) || !write_weights(m, steps, path, err))
        return false;
    if (optimizer && (!base_path_join(path, sizeof path, temporary, "optimizer.safetensors", err) ||
                      !write_optimizer(optimizer, m, path, err)))
        return false;
    if (!base_path_join(path, sizeof path, temporary, "state.json", err) || !write_state(m, training, path, err))
        return false;
    return base_dir_replace(temporary, dir, err);
}

bool model_state_read(const char *dir, base_json *j, model_description *d, base_error *err)
{
    char path[PATH_BYTES];
    int64_t format;
    *j = (base_json){ 0 };
    if (!base_path_join(path, sizeof path, dir, "state.json", err) || !base_json_read(j, path, err))
        return base_fail_in(err, "%s is no model directory", dir);
    const cJSON *about;
    if (base_json_int(j, j->root, "format", 0, 1 << 30, &format, err)) {
        if (format != MODEL_FORMAT)
            base_fail(err, BASE_VERSION, "%s: format %lld, this build reads %d", path, (long long)format, MODEL_FORMAT);
        else if ((about = base_json_member(j, j->root, "model", err)) != NULL && model_description_read(d, j, about, err))
            return true;
    }
    base_json_free(j);
    return false;
}

/* The description sizes what is allocated next: hold it against the tensors that came with it. */
static bool tensors_present(const model_description *d, const model_safetensors *file, base_error *err)
{
    model_graph g;
    if (!model_graph_for(d, d->image_h, d->image_w, &g, err))
        return false;
    bool ok = model_parameters_read(NULL, &g, file, "", false, err);
    model_graph_destroy(&g);
    return ok;
}

model *model_load(const char *dir, base_error *err)
{
    char path[PATH_BYTES];
    base_json state;
    model_description d;
    model_safetensors file = { 0 };
    if (!model_state_read(dir, &state, &d, err))
        return NULL;
    base_json_free(&state);
    model *m = NULL;
    if (base_path_join(path, sizeof path, dir, "model.safetensors", err) && model_safetensors_read(&file, path, err) &&
        tensors_present(&d, &file, err) && (m = model_create(&d, err)) &&
        !model_parameters_read(&m->weights, &m->graph, &file, "", false, err)) {
        model_destroy(m);
        m = NULL;
    }
    model_safetensors_free(&file);
    return m;
}

bool model_optimizer_read(model_optimizer *o, const model *m, const char *dir, int64_t steps, base_error *err)
{
    char path[PATH_BYTES];
    model_safetensors file = { 0 };
    bool ok = base_path_join(path, sizeof path, dir, "optimizer.safetensors", err) &&
              model_safetensors_read(&file, path, err) && model_parameters_read(&o->m, &m->graph, &file, "m.", true, err) &&
              model_parameters_read(&o->v, &m->graph, &file, "v.", true, err);
    o->t = steps;
    model_safetensors_free(&file);
    return ok;
}
