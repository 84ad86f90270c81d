#include "model/train.h"
#include <math.h>
#include <string.h>

#define COUNT(table) (sizeof table / sizeof table[0])

/* ---- class_weights: an array of numbers; [] = unweighted ---- */

static bool read_weights(void *field, const base_json *j, const cJSON *value, base_error *err)
{
    model_loss_options *o = field;
    int count = 0;
    const cJSON *v;
    if (!cJSON_IsArray(value))
        return base_json_fail(j, value, err, "\"class_weights\": an array of numbers expected, one per class");
    *o = (model_loss_options){ .kind = o->kind, .dice_smooth = o->dice_smooth };
    cJSON_ArrayForEach(v, value)
    {
        if (!cJSON_IsNumber(v) || !(v->valuedouble >= 0 && v->valuedouble <= 1e6) || count == MODEL_LOSS_MAX_CLASSES)
            return base_json_fail(j, v, err, "\"class_weights\": at most %d numbers in 0..1e6 expected",
                                  MODEL_LOSS_MAX_CLASSES);
        o->class_weights[count++] = (float)v->valuedouble;
    }
    o->weighted = count > 0;
    o->weight_count = count;
    return true;
}

static cJSON *print_weights(const void *field)
{
    const model_loss_options *o = field;
    cJSON *list = cJSON_CreateArray();
    for (int i = 0; o->weighted && i < o->weight_count; i++)
        cJSON_AddItemToArray(list, cJSON_CreateNumber((double)o->class_weights[i]));
    return list;
}

static const base_option_custom weights_option = { read_weights, print_weights };

static bool read_steps(void *field, const base_json *j, const cJSON *value, base_error *err)
{
    if (!cJSON_IsNumber(value) || !(value->valuedouble >= 0 && value->valuedouble <= 1e12) ||
        value->valuedouble != floor(value->valuedouble))
        return base_json_fail(j, value, err, "\"%s\": a whole number in 0..1e12 expected", value->string);
    *(int64_t *)field = (int64_t)value->valuedouble;
    return true;
}
static cJSON *print_steps(const void *field) { return cJSON_CreateNumber((double)*(const int64_t *)field); }
static const base_option_custom steps_option = { read_steps, print_steps };

/* ---- the table; a row reads: key, type, field, bytes or rows, range, what ---- */

#define AT(field) offsetof(model_train_options, field)
#define NUMBER(key, type, field, lo, hi, help)                                                                                 \
    {                                                                                                                          \
        key, BASE_OPTION_##type, AT(field), 0, lo, hi, NULL, NULL, NULL, help                                                  \
    }
#define SWITCH(key, field, help)                                                                                               \
    {                                                                                                                          \
        key, BASE_OPTION_BOOL, AT(field), 0, 0, 0, NULL, NULL, NULL, help                                                      \
    }
#define CHOICE(key, field, names, help)                                                                                        \
    {                                                                                                                          \
        key, BASE_OPTION_ENUM, AT(field), 0, 0, 0, names, NULL, NULL, help                                                     \
    }
#define TEXT(key, field, help)                                                                                                 \
    {                                                                                                                          \
        key, BASE_OPTION_STRING, AT(field), MODEL_TRAIN_PATH_BYTES, 0, 0, NULL, NULL, NULL, help                               \
    }
#define CUSTOM(key, field, custom, help)                                                                                       \
    {                                                                                                                          \
        key, BASE_OPTION_CUSTOM, AT(field), 0, 0, 0, NULL, NULL, custom, help                                                  \
    }

static const base_option net_table[] = {
    { "variant", BASE_OPTION_ENUM, offsetof(model_unet_options, variant), 0, 0, 0, model_unet_variant_names, NULL, NULL,
      "same or original" },
    { "base", BASE_OPTION_INT, offsetof(model_unet_options, base), 0, 1, 256, NULL, NULL, NULL, "channels of the first level" },
    { "depth", BASE_OPTION_INT, offsetof(model_unet_options, depth), 0, 1, 6, NULL, NULL, NULL, "poolings" },
};

/* dataset_augment_table's length is not a constant expression, so this row is completed when the table is used. */
#define AUGMENT_ROW 2
#define TRAIN_ROWS                                                                                                             \
    TEXT("dataset", dataset, "folder of the dataset"),                                                                         \
        CUSTOM("classes", classes, &dataset_classes_option, "classes and their tags"),                                         \
        { "augment", BASE_OPTION_OBJECT, AT(augment), 0, 0, 0, NULL, NULL, NULL, "random changes of training images" },        \
        { "net", BASE_OPTION_OBJECT, AT(net), COUNT(net_table), 0, 0, NULL, net_table, NULL, "U-Net" },                        \
        CHOICE("init", init, model_init_names, "first weights"),                                                               \
        NUMBER("width", INT, width, 0, 8192, "pixels of the image, 0 = as recorded"),                                          \
        NUMBER("height", INT, height, 0, 8192, "pixels of the image, 0 = as recorded"),                                        \
        CHOICE("loss", loss.kind, model_loss_names, "what is minimised"),                                                      \
        NUMBER("dice_smooth", FLOAT, loss.dice_smooth, 1e-6, 1e6, "added to both sides of Dice's fraction"),                   \
        CUSTOM("class_weights", loss, &weights_option, "of the cross-entropy, one per class; [] = all 1"),                     \
        NUMBER("epochs", INT, epochs, 1, 1000000, "passes over the training split"),                                           \
        CUSTOM("steps", steps, &steps_option, "stop after so many steps, 0 = after all epochs"),                               \
        NUMBER("batch", INT, batch, 1, 4096, "images a step"),                                                                 \
        NUMBER("lr", DOUBLE, schedule.lr, 1e-9, 10, "peak learning rate"),                                                     \
        CHOICE("schedule", schedule.kind, model_schedule_names, "of the learning rate"),                                       \
        CUSTOM("warmup_steps", schedule.warmup_steps, &steps_option, "linear ramp at the start"),                              \
        NUMBER("final_ratio", DOUBLE, schedule.final_ratio, 0, 1, "cosine: last lr / peak"),                                   \
        NUMBER("gamma", DOUBLE, schedule.gamma, 1e-6, 1, "step, exponential: factor"),                                         \
        NUMBER("step_epochs", INT, schedule.step_epochs, 1, 1000000, "step: epochs between factors"),                          \
        NUMBER("weight_decay", DOUBLE, adam.weight_decay, 0, 1, "of convolution weights"),                                     \
        SWITCH("decoupled", adam.decoupled, "weight decay as in AdamW"),                                                       \
        NUMBER("beta1", DOUBLE, adam.beta1, 0, 0.999999, "Adam"), NUMBER("beta2", DOUBLE, adam.beta2, 0, 0.9999999, "Adam"),   \
        NUMBER("epsilon", DOUBLE, adam.eps, 1e-16, 1, "Adam"), SWITCH("shuffle", shuffle, "a new order each epoch"),           \
        NUMBER("share", DOUBLE, share, 1e-6, 1, "of the training split in an epoch"),                                          \
        { "seed", BASE_OPTION_U64, AT(seed), 0, 0, 0, NULL, NULL, NULL, "of weights, order and augmentation" },                \
        NUMBER("threads", INT, threads, 0, 1024, "OpenMP threads, 0 = one per core"),                                          \
        CHOICE("winograd", winograd, model_winograd_names, "3x3 convolutions: off, f2, f4 or auto (f4 where it pays)"),        \
        NUMBER("memory_limit_mib", INT, memory_limit_mib, 0, 1 << 24, "recompute values until training fits; 0 = no limit"),   \
        CHOICE("precision", precision, model_precision_names, "factors in convolutions: fp32, or bf16 with fp32 sums"),        \
        NUMBER("checkpoint_steps", INT, checkpoint_steps, 0, 1000000000, "a checkpoint each so many steps; 0 = each epoch"),   \
        TEXT("out", out, "run folder")

static const base_option train_rows[] = { TRAIN_ROWS };

/* The older project's keys, each onto the field that means the same; then every newer key except those it replaces. */
static const base_option legacy_rows[] = {
    TRAIN_ROWS,
    NUMBER("epoch", INT, epochs, 1, 1000000, "passes over the training split"),
    TEXT("data_path", dataset, "folder of the dataset"),
    TEXT("pth_path", out, "where checkpoints go"),
    TEXT("infer_path", legacy_infer_path, "where masks went; `laneloop infer --out` now"),
    TEXT("prefix_name", legacy_prefix, "of checkpoint names"),
    NUMBER("data_rate", DOUBLE, share, 1e-6, 1, "of the training split in an epoch"),
    NUMBER("learning_rate", DOUBLE, schedule.lr, 1e-9, 10, "of the first epoch"),
    NUMBER("batch_size", INT, batch, 1, 4096, "images a step"),
    NUMBER("num_workers", INT, legacy_workers, 0, 1024, "loader threads then; images are decoded by all threads now"),
    NUMBER("depth", INT, net.depth, 1, 6, "poolings"),
    NUMBER("img_channel", INT, net.channels, 3, 3, "of the image: 3"),
    NUMBER("target_channel", INT, target_channel, 0, 255, "index into the dataset's classes.json"),
};

static void complete(base_option *rows)
{
    rows[AUGMENT_ROW].table = dataset_augment_table;
    rows[AUGMENT_ROW].size = dataset_augment_table_count;
}

model_train_options model_train_options_default(void)
{
    return (model_train_options){
        .classes = dataset_classes_default(),
        .net = model_unet_options_default(),
        .loss = model_loss_options_default(),
        .epochs = 20,
        .batch = 8,
        .schedule = { .kind = MODEL_SCHEDULE_COSINE, .lr = 2e-3, .gamma = 0.95, .step_epochs = 1, .warmup_steps = 20 },
        .adam = model_optimizer_options_default(),
        .augment = dataset_augment_standard(),
        .shuffle = true,
        .share = 1,
        .seed = 1,
        .target_channel = -1,
    };
}

/* What the older project's code did, whatever its file said. */
static void legacy_defaults(model_train_options *o)
{
    o->legacy = true;
    o->net = (model_unet_options){ .variant = MODEL_UNET_ORIGINAL, .base = 64, .depth = 4, .channels = 3, .outputs = 1 };
    o->init = MODEL_INIT_KAIMING;
    o->loss.kind = MODEL_LOSS_BCE_DICE;
    o->batch = 1;
    o->schedule = (model_schedule){ .kind = MODEL_SCHEDULE_EXPONENTIAL, .lr = 1e-4, .gamma = 0.95, .step_epochs = 1 };
    o->augment = dataset_augment_none();
    o->augment.mode = DATASET_AUGMENT_ORIGINAL;
    o->target_channel = 6;
}

bool model_train_options_read(model_train_options *o, const base_json *j, base_error *err)
{
    bool legacy = cJSON_IsObject(j->root) && cJSON_GetObjectItemCaseSensitive(j->root, "data_path") != NULL;
    base_option rows[COUNT(legacy_rows)];
    size_t count = legacy ? COUNT(legacy_rows) : COUNT(train_rows);
    memcpy(rows, legacy ? legacy_rows : train_rows, count * sizeof *rows);
    complete(rows);
    if (legacy)
        legacy_defaults(o);
    if (!base_options_read(o, rows, count, j, j->root, err))
        return false;
    if (legacy && cJSON_GetObjectItemCaseSensitive(j->root, "classes"))
        o->target_channel = -1; /* named classes win over the index */
    if (o->dataset[0] == '\0')
        return base_fail(err, BASE_ARGUMENT, "%s: \"dataset\": the folder of a dataset expected, found none", j->name);
    return true;
}

cJSON *model_train_options_print(const model_train_options *o)
{
    base_option rows[COUNT(train_rows)];
    memcpy(rows, train_rows, sizeof rows);
    complete(rows);
    return base_options_print(o, rows, COUNT(train_rows));
}

bool model_train_options_check(model_train_options *o, base_error *err)
{
    bool binary = o->loss.kind == MODEL_LOSS_BCE || o->loss.kind == MODEL_LOSS_BCE_DICE;
    if (!dataset_classes_check(&o->classes, err) || !dataset_augment_check(&o->augment, err))
        return false;
    if (o->classes.count < 2)
        return base_fail(err, BASE_ARGUMENT, "classes: at least 2 expected, found %d", o->classes.count);
    if (binary && o->classes.count != 2)
        return base_fail(err, BASE_ARGUMENT, "loss %s is for 2 classes, found %d: use ce or ce_dice",
                         model_loss_names[o->loss.kind], o->classes.count);
    /* Dice alone serves both; two classes then share one logit. */
    o->net.outputs = binary || (o->loss.kind == MODEL_LOSS_DICE && o->classes.count == 2) ? 1 : o->classes.count;
    if (o->loss.weighted && o->loss.weight_count != o->classes.count)
        return base_fail(err, BASE_ARGUMENT, "class_weights: %d numbers expected, one per class, found %d", o->classes.count,
                         o->loss.weight_count);
    if ((o->width == 0) != (o->height == 0))
        return base_fail(err, BASE_ARGUMENT, "width and height: both or neither must be 0, found %d and %d", o->width,
                         o->height);
    return model_unet_options_check(&o->net, err) && model_loss_options_check(&o->loss, o->net.outputs, err);
}

/* ---- the dataset behind the batches ---- */

static bool source_train(void *user, uint64_t epoch, int first, int n, uint8_t *rgb, uint8_t *label, base_error *err)
{
    return dataset_loader_batch(((model_source *)user)->train, epoch, first, n, rgb, label, err);
}

static bool source_val(void *user, int first, int n, uint8_t *rgb, uint8_t *label, base_error *err)
{
    return dataset_loader_batch(((model_source *)user)->val, 0, first, n, rgb, label, err);
}

bool model_source_open(model_source *s, model_train_options *o, base_error *err)
{
    *s = (model_source){ 0 };
    if (!(s->data = dataset_open(o->dataset, NULL, err)))
        return false;
    if (o->target_channel >= 0 && !dataset_legacy_target(o->dataset, o->target_channel, &o->classes, err))
        goto failed;
    if (!model_train_options_check(o, err))
        goto failed;
    int val_frames = 0;
    for (int i = 0; i < dataset_frame_count(s->data); i++)
        val_frames += dataset_frame_at(s->data, i)->split == DATASET_VAL;
    dataset_loader_options l = dataset_loader_options_default();
    l.width_px = o->width;
    l.height_px = o->height;
    l.shuffle = o->shuffle;
    l.share = o->share;
    l.augment = o->augment;
    l.seed = o->seed;
    l.threads = o->threads;
    if (!(s->train = dataset_loader_create(s->data, &o->classes, &l, err)))
        goto failed;
    l.split = DATASET_VAL;
    l.shuffle = false;
    l.share = 1;
    l.augment = dataset_augment_none();
    if (val_frames > 0 && !(s->val = dataset_loader_create(s->data, &o->classes, &l, err)))
        goto failed;
    s->batches = (model_batches){ .train_count = dataset_loader_count(s->train),
                                  .val_count = s->val ? dataset_loader_count(s->val) : 0,
                                  .h = dataset_loader_height(s->train),
                                  .w = dataset_loader_width(s->train),
                                  .train = source_train,
                                  .val = source_val,
                                  .user = s };
    return true;
failed:
    model_source_close(s);
    return false;
}

void model_source_close(model_source *s)
{
    dataset_loader_destroy(s->train);
    dataset_loader_destroy(s->val);
    dataset_close(s->data);
    *s = (model_source){ 0 };
}
