# Targets for the tests; the Makefile includes this. What they build goes to build/.

CORE_CXXFLAGS = $(CXX_STANDARD) $(WARNINGS) -I$(TOP)src -g -O1 -MMD -MP
SANITIZERS    = address,undefined
UNIT_SOURCES  = $(call files,test/unit/*_test.cpp)
FUZZ_SOURCES  = $(call files,test/fuzz/*_fuzz.cpp)
# How many inputs each fuzzer tries.
FUZZ_RUNS    ?= 200000
# libFuzzer, clang-format and clang-tidy are of one family; the library itself builds with any compiler.
CLANGXX      ?= clang++
CLANG_FORMAT ?= clang-format
CLANG_TIDY   ?= clang-tidy

.PHONY: unit fuzz sanitized format lint

# --- unit tests of the core

UNIT_CXXFLAGS = $(CORE_CXXFLAGS) -fsanitize=$(SANITIZERS) -fno-sanitize-recover=all
UNIT_OBJS     = $(patsubst %.cpp,build/unit/%.o,$(CORE_SOURCES) $(UNIT_SOURCES))

unit: build/unit/unit_tests
	$<

build/unit/unit_tests: $(UNIT_OBJS)
	$(CXX) $(UNIT_CXXFLAGS) -o $@ $^ -lgtest_main -lgtest $(CORE_LIBS)

build/unit/%.o: %.cpp
	@mkdir -p $(@D)
	$(CXX) $(UNIT_CXXFLAGS) -c -o $@ $<

# --- fuzzers of the core's parsers, one program each

# With the library for places where there is one, whose reading is fuzzed through ours.
FUZZ_CXXFLAGS  = $(CORE_CXXFLAGS) $(filter -DSESSION_SERVICE_%,$(PG_CPPFLAGS)) \
	-fsanitize=fuzzer-no-link,$(SANITIZERS) -fno-sanitize-recover=all
FUZZ_CORE_OBJS = $(patsubst %.cpp,build/fuzz/%.o,$(CORE_SOURCES))
FUZZERS        = $(patsubst test/fuzz/%.cpp,build/fuzz/%,$(FUZZ_SOURCES))

# An input that fails is written to build/fuzz/, and the program run on that file shows it again.
FUZZ_OPTIONS = -runs=$(FUZZ_RUNS) -max_len=1024 -timeout=5 -verbosity=0

FUZZ_TESTS   = $(FUZZERS:%=%.test)

fuzz: $(FUZZ_TESTS)

.PHONY: $(FUZZ_TESTS)
$(FUZZ_TESTS): %.test: %
	@if $< $(FUZZ_OPTIONS) -artifact_prefix=$<- >$<.log 2>&1; then \
		echo "$(<F): $(FUZZ_RUNS) inputs, nothing found"; \
	else \
		cat $<.log; echo "$(<F): an input fails"; exit 1; \
	fi

$(FUZZERS): build/fuzz/%: build/fuzz/test/fuzz/%.o $(FUZZ_CORE_OBJS)
	$(CLANGXX) $(FUZZ_CXXFLAGS) -fsanitize=fuzzer -o $@ $^ $(SHLIB_LINK)

build/fuzz/%.o: %.cpp
	@mkdir -p $(@D)
	$(CLANGXX) $(FUZZ_CXXFLAGS) -c -o $@ $<

-include $(UNIT_OBJS:.o=.d) $(FUZZ_CORE_OBJS:.o=.d) $(FUZZ_SOURCES:%.cpp=build/fuzz/%.d)

# --- the library with sanitizers in it, for a server that has their runtime preloaded (test/lib/sanitized.sh)

# After the server's own flags: -fwrapv would define the overflows that are looked for, and _FORTIFY_SOURCE
# goes past AddressSanitizer. Optimized code warns of more with sanitizers in it.
SANITIZED_CXXFLAGS = -O1 -fno-omit-frame-pointer -fno-wrapv -U_FORTIFY_SOURCE -Wno-error \
	-fsanitize=$(SANITIZERS) -fno-sanitize-recover=all
SANITIZED_OBJS     = $(SOURCES:%.cpp=build/sanitized/%.o)

sanitized: build/sanitized/$(MODULE_big).so build/sanitized/malloc_first.so

build/sanitized/$(MODULE_big).so: $(SANITIZED_OBJS)
	$(COMPILER) $(CFLAGS_SL) $(SANITIZED_CXXFLAGS) -shared -o $@ $^ $(LDFLAGS) $(SHLIB_LINK)

build/sanitized/malloc_first.so: test/lib/malloc_first.c
	@mkdir -p $(@D)
	$(CC) -shared -fPIC -Wl,-z,initfirst -o $@ $<

build/sanitized/%.o: %.cpp
	@mkdir -p $(@D)
	$(CXX) $(CXXFLAGS) $(CFLAGS_SL) $(CPPFLAGS) $(SANITIZED_CXXFLAGS) -c -o $@ $<

-include $(SANITIZED_OBJS:.o=.d)

# --- the form of the code

FORMAT_SOURCES = $(call files,src/*/*.hpp src/*/*.cpp test/unit/*.hpp test/unit/*.cpp \
	test/fuzz/*.hpp test/fuzz/*.cpp bench/client/*.hpp bench/client/*.cpp)
LINT_SOURCES  ?= $(SOURCES) $(UNIT_SOURCES) $(FUZZ_SOURCES) $(call files,bench/client/*.cpp)
# The benchmark's client includes libpq's headers.
LINT_FLAGS     = $(CXX_STANDARD) $(PG_CPPFLAGS) -I$(TOP)bench \
	-isystem $(shell $(PG_CONFIG) --includedir) -Wreserved-identifier

format:
	$(CLANG_FORMAT) --dry-run -Werror $(FORMAT_SOURCES:%=$(TOP)%)

# As many at a time as there are processors: each takes seconds, and memory. PG_CPPFLAGS tells where the
# server's headers are. How many warnings there would be in other people's headers is left out.
lint: SHELL = /bin/bash
lint: .SHELLFLAGS = -o pipefail -c
lint:
	@printf '%s\n' $(LINT_SOURCES:%=$(TOP)%) | \
		xargs -P "$$(nproc)" -I {} $(CLANG_TIDY) --quiet {} -- $(LINT_FLAGS) 2>&1 | \
		{ grep -vE '^[0-9]+ warnings? (generated|treated as errors?)\.?$$' || true; }
