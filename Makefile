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
#   make dist            the archive of what is committed, as PGXN takes it
#
# DEVELOPER=yes makes errors of the warnings; the scripts in test/ set it. Whoever installs may have a compiler that
# warns of more than those that were known when this was written.
#
# Also from another directory, into which everything is then built: make -f PATH/Makefile (VPATH=PATH)
#
# Each deviation from plain PGXS says why.

# The directory of the sources, as PGXS finds it, with a slash; empty where it is this one.
TOP := $(filter-out ./ $(CURDIR)/,$(patsubst %//,%/,$(or $(VPATH:%=%/),$(dir $(firstword $(MAKEFILE_LIST))))))

# These find a server for themselves, and install what they need to build, or need none. PGXS also has a target check,
# which only tells that there is none: where one of ours is asked for, the other goals are passed on.
SELF_SUFFICIENT = check quickstart soak dist
ifneq ($(filter $(SELF_SUFFICIENT),$(MAKECMDGOALS)),)

.PHONY: $(MAKECMDGOALS)

check:
	bash $(TOP)test/run.sh

quickstart:
	bash $(TOP)test/quickstart.sh

soak:
	bash $(TOP)test/soak.sh

# META.json begins with the version of the whole.
ARCHIVE = session_service-$(shell sed -n '/"version"/{s/.*: "\(.*\)".*/\1/p;q}' $(TOP)META.json)

dist:
	git -C $(TOP). archive --prefix=$(ARCHIVE)/ --output=$(CURDIR)/$(ARCHIVE).zip HEAD

$(filter-out $(SELF_SUFFICIENT),$(MAKECMDGOALS)):
	$(MAKE) --no-print-directory -f $(firstword $(MAKEFILE_LIST)) $@

else

PG_CONFIG ?= pg_config

# The second one is SQL alone, and is of use where the server has PL/Proxy.
EXTENSION  = session_service front/session_service_front
# Not VERSION: that name is the server's, in PGXS.
EXTVERSION = 1.0
MODULE_big = session_service

# $(call files,PATTERN...): those of the sources, named from their directory on.
files = $(sort $(patsubst $(TOP)%,%,$(wildcard $(1:%=$(TOP)%))))

CORE_SOURCES = $(call files,src/core/*.cpp)
SOURCES      = $(CORE_SOURCES) \
	$(call files,src/pg/*.cpp src/table/*.cpp src/store/*.cpp src/service/*.cpp src/worker/*.cpp src/api/*.cpp)
OBJS         = $(SOURCES:.cpp=.o)

# The install script is kept by topic and concatenated in the order of the numbers.
SCRIPT_PARTS = $(call files,sql/[0-9][0-9]_*.sql)
DATA_built   = sql/session_service--$(EXTVERSION).sql
DATA         = $(call files,sql/session_service--*--*.sql front/session_service_front--*.sql)
DOCS         = README.md $(call files,docs/*.md)

REGRESS        = $(patsubst test/sql/%.sql,%,$(call files,test/sql/*.sql))
REGRESS_OPTS   = --inputdir=$(TOP)test --load-extension=session_service
ISOLATION      = $(patsubst test/isolation/specs/%.spec,%,$(call files,test/isolation/specs/*.spec))
ISOLATION_OPTS = --inputdir=$(TOP)test/isolation --load-extension=session_service

EXTRA_CLEAN = build results output_iso $(SOURCES:.cpp=.d)

# Bitcode serves only to inline our functions into JIT-compiled expressions, which none of them gains from.
override with_llvm = no

CXX_STANDARD = -std=c++20
WARNINGS     = -Wall -Wextra -Wpedantic -Wshadow -Wconversion
PG_CPPFLAGS  = -I$(TOP)src
# The server's headers as system headers, since they do not compile clean with our warnings; PostgreSQL 15
# leaves PGDLLEXPORT empty, so that hidden visibility would hide the SQL functions as well.
PG_CPPFLAGS += -isystem $(shell $(PG_CONFIG) --includedir-server) '-DPGDLLEXPORT=__attribute__((visibility("default")))'
PG_CXXFLAGS  = $(CXX_STANDARD) $(WARNINGS) -Wno-register -fvisibility=hidden -fvisibility-inlines-hidden -MMD -MP
PG_CPPFLAGS += '-DSESSION_SERVICE_VERSION="$(EXTVERSION)"'
# What the core needs, with or without a server.
CORE_LIBS    = -lcrypto -luriparser
SHLIB_LINK   = $(CORE_LIBS)

DEVELOPER ?= no
ifeq ($(DEVELOPER),yes)
WARNINGS    += -Werror
PG_CPPFLAGS += -DSESSION_SERVICE_DEVELOPER
endif

# The tools that make packages put their flags into the environment, where PGXS does not look.
ifeq ($(origin CXXFLAGS),environment)
PG_CXXFLAGS := $(PG_CXXFLAGS) $(CXXFLAGS)
endif

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
override INSTALL_SHLIB = install_by_renaming() { \
	$(INSTALL) $(INSTALL_SHLIB_OPTS) "$$1" "$$2.new" && mv -f "$$2.new" "$$2"; \
}; install_by_renaming

# A directory of their own, since other extensions have a README.md as well. PGXS would forget them in uninstall.
docmoduledir := $(docmoduledir)/session_service

uninstall: uninstall-docs
.PHONY: uninstall-docs
uninstall-docs:
	rm -rf '$(DESTDIR)$(docdir)/$(docmoduledir)'

$(DATA_built): $(SCRIPT_PARTS)
	@mkdir -p $(@D)
	cat $^ > $@

# As the rule of make itself, but in a directory that may not be there yet.
%.o: %.cpp
	@mkdir -p $(@D)
	$(COMPILE.cpp) -o $@ $<

ifneq ($(TOP),)
# Make would take what was built there for what is to be built here.
ifneq ($(wildcard $(TOP)$(DATA_built) $(SOURCES:%.cpp=$(TOP)%.o)),)
$(error the extension was built in $(TOP): run "make clean" there first)
endif

# pg_regress of 16 and later looks for these in this directory alone. By their whole name, as make would find those
# of the sources.
EXTRA_CLEAN += expected
installcheck: $(CURDIR)/expected
$(CURDIR)/expected:
	ln -s $(abspath $(TOP)expected) $@
endif

# clang knows not all of the options that the server was built with, and warns of extensions of the language also
# where macros of the server's use them.
ifneq ($(shell $(CXX) --version 2>/dev/null | grep clang),)
override CXXFLAGS += -Wno-unknown-warning-option -Wno-gnu-statement-expression -Wno-c99-extensions
endif

# PGXS tracks no headers.
-include $(SOURCES:.cpp=.d)

include $(TOP)test/tests.mk

endif # SELF_SUFFICIENT
