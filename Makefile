# laneloop — `make demo` runs the whole loop, `make test` the tests; both install what is missing first.
# Sources by wildcard, objects under build/<mode>, ISA flags by file suffix, pkg-config the only probing.
# SAN=address,undefined (gcc) or SAN=thread (clang, libomp, Archer) gives a sanitizer build of its own.
MODE := $(or $(SAN),release)
O    := build/$(MODE)
ARCH := $(shell uname -m)
ifeq ($(SAN),thread)
CC   := clang
else
CC   := gcc
endif
PKGS := libcurl msgpack libpng libcjson expat cairo zlib
# A part whose libraries may be missing: the live page of `laneloop serve --view`. Its objects alone know whether they are there.
VIEW_PKGS := libmicrohttpd libjpeg
ifeq ($(shell pkg-config --exists $(VIEW_PKGS) && echo found),found)
PKGS += $(VIEW_PKGS)
VIEW := -DEVAL_VIEW_BUILT
endif
WARN := -Wall -Wextra -Wshadow -Wmissing-prototypes
OPT  := -O2
CFLAGS := -std=c11 -D_GNU_SOURCE $(OPT) -g -fopenmp -pthread -ffp-contract=off -fno-math-errno $(WARN) -I. \
          $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all) $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
LDLIBS  = $(shell pkg-config --libs $(PKGS)) -lm
ifeq ($(ARCH),x86_64)
ISA_avx2       := -mavx2 -mfma -mf16c
ISA_avx2vnni   := -mavx2 -mfma -mf16c -mavxvnni
ISA_avx512     := -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx2 -mfma -mf16c -mprefer-vector-width=512
ISA_avx512vnni := $(ISA_avx512) -mavx512vnni
ISA_avx512vbmi := $(ISA_avx512vnni) -mavx512vbmi
ISA_avx512bf16 := $(ISA_avx512) -mavx512bf16
endif
# For ARM gcc reorders before it gives out registers: the tiles, written to need all but one, would spill.
ARM_neon    := -fno-schedule-insns -fno-tree-slsr
ARM_neondot := $(ARM_neon) -march=armv8.2-a+dotprod
ifeq ($(ARCH),aarch64)
ISA_neon    := $(ARM_neon)
ISA_neondot := $(ARM_neondot)
endif
SRC  := $(sort $(wildcard base/*.c sim/*/*.c dataset/*.c model/*.c model/*/*.c quant/*.c quant/*/*.c eval/*.c))
LIB  := $O/liblaneloop.a
CLI  := $(sort $(wildcard cli/*.c))
TEST := $(patsubst %.c,$O/%,$(sort $(wildcard tests/*/test_*.c)))
# Programs that have one thread from beginning to end (no pool, no OpenMP, no server): the thread sanitizer would find nothing, slowly, so its run leaves
# them out and does not count them. A program that gets a second thread leaves this list.
ONE_THREAD := agents/test_expert base/test_heap eval/test_follow eval/test_plot render/test_surface \
              $(addprefix road/test_,bundled landmark loops official towns xodr) \
              $(addprefix town/test_,lamps lights navmesh occluders recorder scenery_marks scenery_street v2x vehicle vehicle_actor walker)
ifeq ($(SAN),thread)
TEST := $(filter-out $(ONE_THREAD:%=$O/tests/%),$(TEST))
endif
TOOL := $(patsubst %.c,$O/%,$(sort $(wildcard tools/*.c)))
MAPGEN := $(patsubst %.c,$O/%.o,$(sort $(wildcard tools/maps/*.c)))
EXAMPLE := $(patsubst %.c,$O/%,$(sort $(wildcard examples/*.c))) $(patsubst %.cpp,$O/%,$(sort $(wildcard examples/*.cpp)))
BENCH:= $(patsubst %.c,$O/%,$(sort $(wildcard tests/bench/*.c)))
FUZZ := $(patsubst tests/fuzz/%.c,build/fuzz/%,$(sort $(wildcard tests/fuzz/*.c)))
TESTLIB := $(patsubst %.c,$O/%.o,$(sort $(wildcard tests/support/*.c)))
C_FILES := $(wildcard base/*.[ch] sim/*/*.[ch] dataset/*.[ch] model/*.[ch] model/*/*.[ch] quant/*.[ch] quant/*/*.[ch] eval/*.[ch] cli/*.[ch] tests/*/*.[ch] tools/*.[ch] tools/*/*.[ch] examples/*.c)
PREFIX ?= /usr/local
FUZZ_SECONDS ?= 20

all: $O/laneloop $(TOOL)               ## build the command-line tool

help:                                  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*##/\1\t/p' Makefile | expand -t 12

deps:                                  ## install missing Debian packages
	@tools/deps.sh

demo: deps                             ## the whole loop on the embedded simulator, report in runs/demo
	@$(MAKE) --no-print-directory all
	@tools/demo.sh

demo-tiny: deps                        ## the same path in about a minute (what CI runs)
	@$(MAKE) --no-print-directory all
	@tools/demo.sh tiny

examples: $(EXAMPLE)                   ## build the programs of examples/ into build/<mode>/examples

test: deps                             ## all tests; SAN=... builds them with sanitizers
	@$(MAKE) --no-print-directory run-tests

# clang's thread sanitizer understands OpenMP through Archer; gcc's gives false reports on libgomp.
ARCHER := $(firstword $(wildcard /usr/lib/llvm-*/lib/libarcher.so /usr/lib/*/libarcher.so))
TEST_ENV = LANELOOP=$O/laneloop $(if $(filter thread,$(SAN)),OMP_TOOL_LIBRARIES=$(ARCHER) TSAN_OPTIONS=ignore_noninstrumented_modules=1:halt_on_error=1) \
           $(if $(findstring address,$(SAN)),ASAN_OPTIONS=detect_leaks=1 LSAN_OPTIONS=suppressions=tests/leaks.supp:print_suppressions=0 UBSAN_OPTIONS=print_stacktrace=1)
run-tests: all $(TEST) $(EXAMPLE)
	@$(TEST_ENV) tests/run.sh $(TEST) $(if $(SAN),,$(wildcard tests/*/test_*.sh))

# base and the kernels, cross-built and static; what needs further libraries is left out.
test-arm:                              ## kernels of every ARM level, cross-built and emulated (Debian's gcc and qemu)
	@tools/deps.sh arm && tools/cmocka_arm.sh
	@$(MAKE) --no-print-directory run-tests-arm

ARM_SRC  := $(filter-out base/file.c base/json.c base/options.c,$(wildcard base/*.c)) $(wildcard model/kernels/*.c quant/kernels/*.c)
ARM_TEST := $(patsubst %.c,build/arm/%,tests/base/test_base.c $(sort $(wildcard tests/model_kernels/test_*.c)) tests/quant/test_kernels.c)
run-tests-arm: $(ARM_TEST)
	@tests/run_arm.sh $(ARM_TEST)

interop: deps                          ## CARLA's official Python client against our server (needs PyPI)
	@$(MAKE) --no-print-directory all examples
	@LANELOOP=$O/laneloop tests/interop/run.sh

bench: all $(BENCH)                    ## kernels and frames per second, as ratios of this machine's limits
	@for b in $(BENCH); do $$b || exit 1; done
	@$O/laneloop bench kernels && $O/laneloop bench serve

sheets: all                            ## contact sheets of all maps in docs/renderer (ffmpeg; LANELOOP_TOWNS for CARLA's towns)
	@LANELOOP_BUILD=$O tools/sheets.sh

MINUTES ?= 10
load: all $O/tests/load/load           ## ten clients and twenty cameras on one server for MINUTES
	@$O/tests/load/load $O/laneloop $(MINUTES)

fuzz: $(FUZZ:build/fuzz/%=fuzz-run-%)  ## every fuzz target for FUZZ_SECONDS each, as many at a time as make -j says
fuzz-run-%: build/fuzz/%
	@echo "fuzz: $<"; mkdir -p build/corpus/$*; \
	  $< -max_total_time=$(FUZZ_SECONDS) -max_len=65536 -rss_limit_mb=2048 -verbosity=0 build/corpus/$* $$(ls -d tests/golden/corpus/$* 2>/dev/null)

format:                                ## reformat every C file in place
	@clang-format -i $(C_FILES)

format-check:
	@clang-format --dry-run -Werror $(C_FILES)

lint:                                  ## static analysis (cppcheck)
	@cppcheck --quiet --std=c11 --error-exitcode=1 --inline-suppr --enable=warning,portability -j2 \
	  --suppressions-list=tools/cppcheck.suppress -I. -D__x86_64__=1 -DUINTPTR_MAX=18446744073709551615UL $(SRC) $(CLI) $(wildcard tools/*.c tools/*/*.c)

install: all                           ## program, library, headers and pkg-config file under PREFIX
	@PREFIX="$(DESTDIR)$(PREFIX)" MODE=$(MODE) PKGS="$(PKGS)" tools/install.sh

clean:                                 ## remove everything that was built
	rm -rf build

$O/laneloop: $(patsubst %.c,$O/%.o,$(CLI)) $(LIB)
	@$(CC) $(CFLAGS) $^ $(LDLIBS) -o $@
	@echo "built $@"
$(LIB): $(SRC:%.c=$O/%.o)
	@rm -f $@ && ar crs $@ $^
$O/examples/%: examples/%.c $(LIB)
	@mkdir -p $(@D); $(CC) $(CFLAGS) $^ $(LDLIBS) -o $@
$O/examples/%: examples/%.cpp $(LIB)
	@mkdir -p $(@D); $(patsubst gcc,g++,$(patsubst clang,clang++,$(CC))) -std=c++17 $(filter-out -std=c11 -Wmissing-prototypes,$(CFLAGS)) $^ $(LDLIBS) -o $@
$O/tests/load/%: $O/tests/load/%.o $(LIB)
	@$(CC) $(CFLAGS) $^ $(LDLIBS) -o $@
$O/tests/bench/%: $O/tests/bench/%.o $(LIB)
	@$(CC) $(CFLAGS) $^ $(LDLIBS) -o $@
$O/tests/%: $O/tests/%.o $(TESTLIB) $(LIB)
	@$(CC) $(CFLAGS) $^ $(LDLIBS) -lcmocka -o $@
$O/tools/mapgen: $(MAPGEN)
$O/tools/%: $O/tools/%.o $(LIB)
	@$(CC) $(CFLAGS) $^ $(LDLIBS) -o $@
# The renderer's inner loops: 5 % of a frame.
$O/sim/render/%.o: CFLAGS += $(if $(SAN),,$(OPT:-O2=-O3))
$O/%_avx2.o:       CFLAGS += $(ISA_avx2)
$O/%_avx2vnni.o:   CFLAGS += $(ISA_avx2vnni)
$O/%_avx512.o:     CFLAGS += $(ISA_avx512)
$O/%_avx512vnni.o: CFLAGS += $(ISA_avx512vnni)
$O/%_avx512vbmi.o: CFLAGS += $(ISA_avx512vbmi)
$O/%_avx512bf16.o: CFLAGS += $(ISA_avx512bf16)
$O/%_neon.o:       CFLAGS += $(ISA_neon)
$O/%_neondot.o:    CFLAGS += $(ISA_neondot)
VIEW_OBJ := $(addprefix $O/eval/,view.o view_http.o view_page.o view_picture.o)
$(VIEW_OBJ): CFLAGS += $(VIEW)
$(VIEW_OBJ): $O/optional
$O/eval/view_page.o: $(wildcard eval/page/*)
$O/optional: FORCE
	@mkdir -p $(@D); echo '$(VIEW)' | cmp -s - $@ || echo '$(VIEW)' >$@
$O/%.o: %.c
	@mkdir -p $(@D)
	@echo "cc $<"; $(CC) $(CFLAGS) -MMD -MP -c $< -o $@

# Fuzz targets compile the whole library with clang's fuzzer and sanitizers.
build/fuzz/%: tests/fuzz/%.c $(patsubst %.c,build/fuzzlib/%.o,$(SRC))
	@mkdir -p $(@D); clang $(FUZZ_CFLAGS) -fsanitize=fuzzer $^ $(LDLIBS) -o $@
FUZZ_CFLAGS = -std=c11 -D_GNU_SOURCE -O1 -g -fopenmp -pthread -ffp-contract=off -fno-math-errno -I. -fsanitize=address,undefined -fno-sanitize-recover=all $(shell pkg-config --cflags $(PKGS))
build/fuzzlib/%_avx2.o:       FUZZ_CFLAGS += $(ISA_avx2)
build/fuzzlib/%_avx2vnni.o:   FUZZ_CFLAGS += $(ISA_avx2vnni)
build/fuzzlib/%_avx512.o:     FUZZ_CFLAGS += $(ISA_avx512)
build/fuzzlib/%_avx512vnni.o: FUZZ_CFLAGS += $(ISA_avx512vnni)
build/fuzzlib/%_avx512vbmi.o: FUZZ_CFLAGS += $(ISA_avx512vbmi)
build/fuzzlib/%_avx512bf16.o: FUZZ_CFLAGS += $(ISA_avx512bf16)
build/fuzzlib/%_neondot.o:    FUZZ_CFLAGS += $(filter -march=%,$(ISA_neondot))
build/fuzzlib/%.o: %.c
	@mkdir -p $(@D); clang $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c $< -o $@

# ARM objects, on any machine.
build/arm/tests/%: build/arm/tests/%.o $(ARM_SRC:%.c=build/arm/%.o)
	@aarch64-linux-gnu-gcc -static -fopenmp -Wl,--no-warnings $^ build/arm/cmocka/libcmocka.a -lm -o $@
ARM_CFLAGS = -std=c11 -D_GNU_SOURCE $(OPT) -g -fopenmp -pthread -ffp-contract=off -fno-math-errno $(WARN) -I. -Ibuild/arm/cmocka
build/arm/%_neon.o:    ARM_CFLAGS += $(ARM_neon)
build/arm/%_neondot.o: ARM_CFLAGS += $(ARM_neondot)
build/arm/%.o: %.c
	@mkdir -p $(@D)
	@echo "arm $<"; aarch64-linux-gnu-gcc $(ARM_CFLAGS) -MMD -MP -c $< -o $@

-include $(SRC:%.c=$O/%.d) $(CLI:%.c=$O/%.d) $(TEST:%=%.d) $(TOOL:%=%.d) $(MAPGEN:%.o=%.d) $(BENCH:%=%.d) $O/tests/load/load.d $(TESTLIB:%.o=%.d) $(SRC:%.c=build/fuzzlib/%.d) $(ARM_SRC:%.c=build/arm/%.d) $(ARM_TEST:%=%.d)
.PHONY: FORCE all help deps demo demo-tiny test run-tests test-arm run-tests-arm examples interop bench sheets load fuzz format format-check lint install clean
.SECONDARY:
