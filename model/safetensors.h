/* model/safetensors.h — named tensors in one file, as Hugging Face's `safetensors` reads and writes them.
 *
 *     bytes 0..7      header length L, u64 little-endian
 *     bytes 8..8+L    JSON: {"NAME": {"dtype": "F32", "shape": [2,3], "data_offsets": [begin, end]}, ..., "__metadata__": {"k": "v"}}
 *     then            the tensors' bytes, little-endian; offsets count from here, tensors lie without gap or overlap
 *
 * The writer pads the header with spaces to 8 bytes and puts tensors in the order given, wider types first where alignment
 * matters to the caller. The reader trusts nothing: header at most 16 MiB, offsets inside the file, end - begin = product of
 * shape x type size, no gaps, no duplicates. */
#ifndef MODEL_SAFETENSORS_H
#define MODEL_SAFETENSORS_H
#include "base/error.h"
#include <stdint.h>

#define MODEL_TENSOR_NAME_BYTES      128
#define MODEL_TENSOR_MAX_RANK        8
#define MODEL_SAFETENSORS_MAX_HEADER ((size_t)16 << 20)
#define MODEL_SAFETENSORS_MAX_FILE   ((size_t)4 << 30)

typedef enum model_dtype { MODEL_F32, MODEL_F64, MODEL_I64, MODEL_I32, MODEL_I8, MODEL_U8 } model_dtype;
size_t model_dtype_bytes(model_dtype t);
const char *model_dtype_name(model_dtype t); /* "F32" */

typedef struct model_tensor {
    char name[MODEL_TENSOR_NAME_BYTES];
    model_dtype dtype;
    int rank;
    int64_t dims[MODEL_TENSOR_MAX_RANK];
    size_t bytes;
    const void *data; /* reader: inside the file's block, not necessarily aligned: use memcpy; writer: the caller's */
} model_tensor;

typedef struct model_safetensors {
    unsigned char *file; /* owned */
    size_t file_bytes;
    model_tensor *tensors; /* owned, in order of their offsets */
    size_t count;
    char path[512];
} model_safetensors;

bool model_safetensors_read(model_safetensors *s, const char *path, base_error *err);
/* From memory; `name` stands in messages. The bytes are copied. */
bool model_safetensors_parse(model_safetensors *s, const void *bytes, size_t count, const char *name, base_error *err);
void model_safetensors_free(model_safetensors *s); /* {0} is accepted */

const model_tensor *model_safetensors_find(const model_safetensors *s, const char *name); /* NULL when absent */
/* Copy the tensor `name` into dst (NULL: only check) after checking type and shape; the error names file, tensor, expected and found
 * shape. */
bool model_safetensors_get(const model_safetensors *s, const char *name, model_dtype dtype, int rank, const int64_t *dims,
                           void *dst, base_error *err);

/* The text of metadata entry `key`, heap memory for the caller to free; NULL with err when the file has none. */
char *model_safetensors_metadata(const model_safetensors *s, const char *key, base_error *err);

typedef struct model_metadata {
    const char *key, *value;
} model_metadata;
/* Written atomically (temporary file, rename). metadata may be NULL. */
bool model_safetensors_write(const char *path, const model_tensor *tensors, size_t count, const model_metadata *metadata,
                             size_t metadata_count, base_error *err);
/* Fill name, dtype, rank, dims, data; bytes follow from them. */
model_tensor model_tensor_make(const char *name, model_dtype dtype, int rank, const int64_t *dims, const void *data);
#endif
