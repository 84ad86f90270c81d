/* dataset/classes.h — from a dataset's tags to a network's classes.
 *
 * A network knows classes (0 other, 1 drivable, 2 lane_line); a dataset knows tags whose numbers depend on CARLA's version. A class
 * lists tag NAMES, resolved with the dataset's own taxonomy. One class may list "*": every tag that no class names.
 * Tags that no class takes get DATASET_IGNORED and count nowhere.
 *
 * In configuration files: "classes": [ {"name": "other", "tags": ["*"]}, {"name": "drivable", "tags": ["Roads"]}, ... ] */
#ifndef DATASET_CLASSES_H
#define DATASET_CLASSES_H
#include "base/options.h"
#include "dataset/dataset.h"

#define DATASET_IGNORED        255
#define DATASET_MAX_CLASSES    32
#define DATASET_MAX_CLASS_TAGS 32

typedef struct dataset_class {
    char name[DATASET_NAME_BYTES];
    char tags[DATASET_MAX_CLASS_TAGS][DATASET_NAME_BYTES];
    int tag_count;
} dataset_class;
typedef struct dataset_classes {
    int count;
    dataset_class list[DATASET_MAX_CLASSES];
} dataset_classes;

/* other {*}, drivable {Roads}, lane_line {RoadLine}. */
dataset_classes dataset_classes_default(void);
/* Names filled, unique, legal; no tag in two classes; at most one "*"; at least one class. */
bool dataset_classes_check(const dataset_classes *c, base_error *err);
int dataset_classes_find(const dataset_classes *c, const char *name); /* -1: none */

/* label[tag] for all 256 byte values. A name that the taxonomy lacks is an error listing the known names. Spelling differences
 * between CARLA's versions are accepted: case, and Road/Roads, RoadLine/RoadLines, SideWalk/Sidewalks and the like (a final s). */
bool dataset_classes_resolve(const dataset_classes *c, const dataset_taxonomy *t, uint8_t label[256], base_error *err);

/* JSON for option tables (BASE_OPTION_CUSTOM on a dataset_classes field) and for model files. */
extern const base_option_custom dataset_classes_option;

/* CARLA's tags as numbered since 0.9.14, with its palette. What a 0.9.13 server sends is renumbered where it enters (sim/wire), so
 * every dataset recorded here has these. */
dataset_taxonomy dataset_taxonomy_carla(void);
/* Number of the tag that a name means (spellings as above), -1 for none. */
int dataset_taxonomy_find(const dataset_taxonomy *t, const char *name);

/* classes.json: [{"name": "Unlabeled", "color": [0,0,0], "tags": ["Unlabeled"]}, ...], the older project's 23 classes in its order (6 is
 * RoadLine), with the colours that this dataset's label images carry and the tags they stand for. */
bool dataset_legacy_classes_write(const char *path, const dataset_taxonomy *t, base_error *err);
/* Resolve the older config's target_channel through DIR/classes.json: a binary class list
 * { "background" {*}, NAME {tags} }. target 6 gives RoadLine whatever its tag number is. */
bool dataset_legacy_target(const char *dir, int target_channel, dataset_classes *out, base_error *err);
#endif
