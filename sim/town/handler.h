/* sim/town/handler.h — what every file of handlers (rpc_*.c) writes its rows with: HANDLER(name) { ARGS(type); ... RESULT(type, value); } */
#ifndef TOWN_HANDLER_H
#define TOWN_HANDLER_H
#include "sim/town/serve.h"
#include <string.h>

#define HANDLER(NAME)       static bool NAME(town_call *c)
#define ARGS(TYPE)          const TYPE *a = c->args
#define RESULT(TYPE, VALUE) (*(TYPE *)c->result = (VALUE), true)

#endif
