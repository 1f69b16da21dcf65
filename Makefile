# session_service: session tokens and device tracking inside PostgreSQL.
#
#   make                 build the library and the install script
#   make install         into the server that $(PG_CONFIG) tells of
#   make quickstart      build, start a throw-away cluster, show the main job
#   make check           the whole test suite, on throw-away clusters
#   make soak            the long form of its tests, with a report: hours
#   make installcheck    the regression and isolation tests against an installed, running server
#   make unit fuzz       the tests of the core, which need no server
#   make format lint     clang-format and clang-tidy
#
# Each deviation from plain PGXS says why.

# These find a server for themselves, and install what they need to build. PGXS also has a target check,
# which only tells that there is none: where one of ours is asked for, the other goals are passed on.
ifneq ($(filter check quickstart soak,$(MAKECMDGOALS)),)

.PHONY: $(MAKECMDGOALS)

check:
	bash test/run.sh

quickstart:
	bash test/quickstart.sh

soak:
	bash test/soak.sh

$(filter-out check quickstart soak,$(MAKECMDGOALS)):
	$(MAKE) --no-print-directory $@

else

PG_CONFIG ?= pg_config

EXTENSION  = session_service
# Not VERSION: that name is the server's, in PGXS.
EXTVERSION = 1.0
MODULE_big = session_service

CORE_SOURCES = $(sort $(wildcard src/core/*.cpp))
SOURCES      = $(CORE_SOURCES) $(sort $(wildcard src/pg/*.cpp src/store/*.cpp src/service/*.cpp src/worker/*.cpp src/api/*.cpp))
OBJS         = $(SOURCES:.cpp=.o)

# The install script is kept by topic and concatenated in the order of the numbers.
SCRIPT_PARTS = $(sort $(wildcard sql/[0-9][0-9]_*.sql))
DATA_built   = sql/$(EXTENSION)--$(EXTVERSION).sql
DATA         = $(wildcard sql/$(EXTENSION)--*--*.sql)

REGRESS        = $(sort $(patsubst test/sql/%.sql,%,$(wildcard test/sql/*.sql)))
REGRESS_OPTS   = --inputdir=test --load-extension=$(EXTENSION)
ISOLATION      = $(sort $(patsubst test/isolation/specs/%.spec,%,$(wildcard test/isolation/specs/*.spec)))
ISOLATION_OPTS = --inputdir=test/isolation --load-extension=$(EXTENSION)

EXTRA_CLEAN = build results output_iso $(SOURCES:.cpp=.d)

# Bitcode serves only to inline our functions into JIT-compiled expressions, which none of them gains from.
override with_llvm = no

CXX_STANDARD = -std=c++20
WARNINGS     = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror
PG_CPPFLAGS  = -Isrc
# The server's headers as system headers, since they do not compile clean with our warnings; PostgreSQL 15
# leaves PGDLLEXPORT empty, so that hidden visibility would hide the SQL functions as well.
PG_CPPFLAGS += -isystem $(shell $(PG_CONFIG) --includedir-server) '-DPGDLLEXPORT=__attribute__((visibility("default")))'
PG_CXXFLAGS  = $(CXX_STANDARD) $(WARNINGS) -Wno-register -fvisibility=hidden -fvisibility-inlines-hidden -MMD -MP
SHLIB_LINK   = -lcrypto

# Optional: countries and cities. MAXMINDDB=no builds without it, as where the library is missing.
MAXMINDDB ?= $(if $(wildcard $(shell $(CXX) -print-file-name=libmaxminddb.so)),yes,no)
ifeq ($(MAXMINDDB),yes)
PG_CPPFLAGS += -DSESSION_SERVICE_MAXMINDDB
SHLIB_LINK  += -lmaxminddb
else
$(info building without libmaxminddb: session_service.geoip_database will have no effect)
endif

PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# Link as C++, since PGXS links as C.
override COMPILER = $(CXX) $(CXXFLAGS)

# By renaming: install(1) removes the old file and then writes the new one, so that a backend that starts
# meanwhile would find none, or half of one.
override INSTALL_SHLIB = install_by_renaming() { $(INSTALL) $(INSTALL_SHLIB_OPTS) "$$1" "$$2.new" && mv -f "$$2.new" "$$2"; }; install_by_renaming

$(DATA_built): $(SCRIPT_PARTS)
	cat $^ > $@

# PGXS tracks no headers.
-include $(SOURCES:.cpp=.d)

include test/tests.mk

endif # check, quickstart, soak
