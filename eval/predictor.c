#include "eval/predictor.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/cpu.h"
#include "base/file.h"
#include "base/pool.h"
#include "model/model.h"
#include "quant/quant.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FP32_FILE "model.safetensors"

/* Exactly one of the two halves is there. */
struct eval_predictor {
    eval_predictor_info info;
    model_description about;
    model_predictor *fp32;
    quant_model *int8;
    quant_session *session;
    double last_s;
};

eval_predictor_options eval_predictor_options_default(void) { return (eval_predictor_options){ .seed = 1 }; }

static bool file_bytes(const char *path, size_t *bytes, base_error *err)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return base_fail(err, BASE_IO, "%s: no such file", path);
    *bytes = (size_t)st.st_size;
    return true;
}

/* The directory of a path that may name the weights themselves; `name` is their file. Sets found when the file is there. */
static bool model_directory(const char *path, const char *name, char dir[4096], char file[4096], bool *found, base_error *err)
{
    size_t n = strlen(path), m = strlen(name);
    bool direct = n > m && path[n - m - 1] == '/' && !strcmp(path + n - m, name);
    if (n >= 4000)
        return base_fail(err, BASE_ARGUMENT, "path of a model is longer than 4000 bytes");
    snprintf(dir, 4096, "%.*s", (int)(direct ? n - m - 1 : n), path);
    if (!base_path_join(file, 4096, dir, name, err))
        return false;
    *found = base_file_exists(file) && (direct || !strstr(path, ".safetensors"));
    return true;
}

static bool open_fp32(eval_predictor *p, const char *dir, const eval_predictor_options *o, base_error *err)
{
    model *m = model_load(dir, err);
    if (!m)
        return false;
    if (o->untrained)
        model_parameters_initialise(&m->graph, &m->weights, MODEL_INIT_KAIMING, o->seed);
    p->about = m->about;
    model_predictor_options options = { o->height_px, o->width_px, o->threads, o->level, o->winograd };
    p->fp32 = model_predictor_create(m, &options, err);
    model_destroy(m);
    if (!p->fp32)
        return false;
    p->info.kind = EVAL_PREDICTOR_FP32;
    p->info.kind_name = "fp32";
    p->info.level = model_predictor_isa(p->fp32);
    return true;
}

static bool open_int8(eval_predictor *p, const char *dir, const eval_predictor_options *o, base_error *err)
{
    uint32_t bits;
    if (o->untrained)
        return base_fail(err, BASE_UNSUPPORTED,
                         "%s: an untrained network is made from an fp32 checkpoint, this is an int8 model", dir);
    if (!base_cpu_select(o->level, &bits, err) || !(p->int8 = quant_model_load(dir, err)))
        return false;
    p->about = *quant_model_about(p->int8);
    p->session = quant_session_create(p->int8, o->height_px ? o->height_px : p->about.image_h,
                                      o->width_px ? o->width_px : p->about.image_w, o->threads, bits, err);
    if (!p->session)
        return false;
    p->info.kind = EVAL_PREDICTOR_INT8;
    p->info.kind_name = "int8";
    p->info.level = quant_session_level(p->session);
    return true;
}

eval_predictor *eval_predictor_open(const char *path, const eval_predictor_options *o, base_error *err)
{
    char dir[4096], file[4096];
    bool is_int8 = false, is_fp32 = false;
    if (!model_directory(path, QUANT_FILE, dir, file, &is_int8, err) ||
        (!is_int8 && !model_directory(path, FP32_FILE, dir, file, &is_fp32, err)))
        return NULL;
    if (!is_int8 && !is_fp32) {
        base_fail(err, BASE_IO, "%s: no model here: neither %s (int8) nor %s (fp32)", path, QUANT_FILE, FP32_FILE);
        return NULL;
    }
    eval_predictor *p = base_alloc_zero(1, sizeof *p, err);
    if (!p)
        return NULL;
    if (!(is_int8 ? open_int8(p, dir, o, err) : open_fp32(p, dir, o, err)) || !file_bytes(file, &p->info.weight_bytes, err)) {
        eval_predictor_close(p);
        return NULL;
    }
    if (p->about.net.channels != 3) {
        base_fail(err, BASE_UNSUPPORTED, "%s: the network takes %d channels, a predictor feeds RGB", path,
                  p->about.net.channels);
        eval_predictor_close(p);
        return NULL;
    }
    p->info.width_px = o->width_px ? o->width_px : p->about.image_w;
    p->info.height_px = o->height_px ? o->height_px : p->about.image_h;
    p->info.threads = o->threads ? o->threads : base_cores();
    p->info.classes = &p->about.classes;
    return p;
}

void eval_predictor_close(eval_predictor *p)
{
    if (!p)
        return;
    model_predictor_destroy(p->fp32);
    quant_session_destroy(p->session);
    quant_model_destroy(p->int8);
    free(p);
}

const eval_predictor_info *eval_predictor_about(const eval_predictor *p) { return &p->info; }

int eval_predictor_class(const eval_predictor *p, const char *name) { return dataset_classes_find(&p->about.classes, name); }

bool eval_predictor_run(eval_predictor *p, const uint8_t *rgb, int width_px, int height_px, uint8_t *mask, base_error *err)
{
    if (width_px != p->info.width_px || height_px != p->info.height_px)
        return base_fail(err, BASE_ARGUMENT, "image of %d x %d pixels, the network was planned for %d x %d", width_px,
                         height_px, p->info.width_px, p->info.height_px);
    double start = base_clock_s();
    if (p->session)
        quant_session_run(p->session, rgb, mask, NULL);
    else
        model_predictor_mask(p->fp32, rgb, mask);
    p->last_s = base_clock_s() - start;
    return true;
}

double eval_predictor_last_s(const eval_predictor *p) { return p->last_s; }
