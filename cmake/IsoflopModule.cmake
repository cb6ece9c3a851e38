# isoflop_units(target name a.cc ...): compiles the sources of one folder in a few units of several
# files each: most of a file's compile time goes into the headers that its neighbours read, too.
# Units are small enough that one file touched costs seconds. With ISOFLOP_FAST_BUILD=OFF every file
# is compiled alone and must include what it uses.
function(isoflop_units target name)
  set_target_properties(${target} PROPERTIES
    UNITY_BUILD ${ISOFLOP_FAST_BUILD} UNITY_BUILD_MODE GROUP)
  list(LENGTH ARGN n)
  math(EXPR n_units "(${n} + 8) / 9")
  set(i 0)
  foreach(source IN LISTS ARGN)
    math(EXPR unit "${i} * ${n_units} / ${n}")
    set_source_files_properties(${source} PROPERTIES UNITY_GROUP ${name}_${unit})
    math(EXPR i "${i} + 1")
  endforeach()
endfunction()

# isoflop_precompiled(target [headers...]): reads the standard library's headers, and those of packages
# that are named, once; isoflop_precompiled(target REUSE_FROM other): where another target, of the
# same flags, has done so.
set(ISOFLOP_STANDARD_HEADERS <algorithm> <chrono> <cmath> <filesystem> <fstream> <functional> <map>
  <memory> <optional> <set> <span> <string> <variant> <vector>)
function(isoflop_precompiled target)
  if(NOT ISOFLOP_FAST_BUILD)
    return()
  endif()
  if(ARGV1 STREQUAL "REUSE_FROM")
    target_precompile_headers(${target} REUSE_FROM ${ARGV2})
  else()
    target_precompile_headers(${target} PRIVATE ${ISOFLOP_STANDARD_HEADERS} ${ARGN})
  endif()
endfunction()

# isoflop_module(name SOURCES a.cc ... [PRIVATE package targets...] [PRECOMPILE headers...]
#                [PRECOMPILED_IN module] [COLD])
#
# A static library isoflop_<name>, alias isoflop::<name>, linked to exactly the modules that
# lib/LAYERS lets it include. Precompiled headers are those of base unless said otherwise.

# isoflop_flags(target [COLD]): warnings, sanitizers, optimisation. COLD: what makes text or calls what
# computes; at -O2 it would only take longer to compile. Kernels ask for more themselves.
function(isoflop_flags target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  if(ARGV1 STREQUAL "COLD")
    set(level -O1)
  else()
    set(level -O2)
  endif()
  target_compile_options(${target} PRIVATE
    $<$<AND:$<CONFIG:Release>,$<COMPILE_LANGUAGE:CXX>>:${level}>
    $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion>
    # GCC 12 sees overlaps in std::string's own operator+ (gcc.gnu.org/PR105651) and, where the
    # header is precompiled, overflows.
    $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<CXX_COMPILER_ID:GNU>>:-Wno-restrict>
    $<$<AND:$<BOOL:${ISOFLOP_FAST_BUILD}>,$<COMPILE_LANGUAGE:CXX>,$<CXX_COMPILER_ID:GNU>>:-Wno-stringop-overflow
      -Wno-array-bounds>
    # Its garbage collector would run in every unit; few take half a gigabyte.
    $<$<AND:$<BOOL:${ISOFLOP_FAST_BUILD}>,$<COMPILE_LANGUAGE:CXX>,$<CXX_COMPILER_ID:GNU>>:--param=ggc-min-heapsize=1000000>)
  if(ISOFLOP_WERROR)
    target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-Werror>)
  endif()
  if(ISOFLOP_SANITIZE)
    target_compile_options(${target} PRIVATE
      $<$<COMPILE_LANGUAGE:CXX>:-fsanitize=address,undefined -fno-sanitize-recover=all
      -fno-omit-frame-pointer>)
    target_link_options(${target} PUBLIC -fsanitize=address,undefined)
  endif()
endfunction()

# The modules that lib/LAYERS lets `module` include.
function(isoflop_layers module out)
  file(STRINGS ${PROJECT_SOURCE_DIR}/lib/LAYERS lines REGEX "^${module}:")
  if(NOT lines)
    message(FATAL_ERROR "lib/LAYERS has no line for module ${module}")
  endif()
  string(REGEX REPLACE "^${module}:([^|]*)[|].*$" "\\1" uses "${lines}")
  string(STRIP "${uses}" uses)
  separate_arguments(uses)
  set(${out} ${uses} PARENT_SCOPE)
endfunction()

function(isoflop_module name)
  cmake_parse_arguments(arg "COLD" "PRECOMPILED_IN" "SOURCES;PRIVATE;PRECOMPILE" ${ARGN})
  set(cold "")
  if(arg_COLD)
    set(cold COLD)
  endif()
  set(target isoflop_${name})
  add_library(${target} STATIC ${arg_SOURCES})
  isoflop_units(${target} ${name} ${arg_SOURCES})
  add_library(isoflop::${name} ALIAS ${target})
  isoflop_flags(${target} ${cold})
  set_target_properties(${target} PROPERTIES
    EXPORT_NAME ${name} POSITION_INDEPENDENT_CODE ON CXX_EXTENSIONS OFF)
  target_include_directories(${target}
    PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/lib/include>
           $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
    PRIVATE ${PROJECT_SOURCE_DIR}/lib)
  isoflop_layers(${name} uses)
  foreach(module IN LISTS uses)
    target_link_libraries(${target} PUBLIC isoflop_${module})
  endforeach()
  target_link_libraries(${target} PRIVATE ${arg_PRIVATE})
  if(arg_PRECOMPILED_IN)
    isoflop_precompiled(${target} REUSE_FROM isoflop_${arg_PRECOMPILED_IN})
  elseif(arg_PRECOMPILE OR name STREQUAL base)
    isoflop_precompiled(${target} ${arg_PRECOMPILE})
  else()
    isoflop_precompiled(${target} REUSE_FROM isoflop_base)
  endif()
  set_property(GLOBAL APPEND PROPERTY ISOFLOP_MODULES ${target})
endfunction()

# isoflop_wing(module wing a.cc ...): sources of lib/<module>/<wing>, of the module's library.
function(isoflop_wing module wing)
  list(TRANSFORM ARGN PREPEND ${wing}/)
  target_sources(isoflop_${module} PRIVATE ${ARGN})
  isoflop_units(isoflop_${module} ${wing} ${ARGN})
endfunction()

# isoflop_embed(module file header constant): the file's text as a constant in a header of the build folder.
function(isoflop_embed module file header constant)
  set(script ${PROJECT_SOURCE_DIR}/cmake/embed_text.cmake)
  get_filename_component(in ${file} ABSOLUTE)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${header})
  add_custom_command(OUTPUT ${out} DEPENDS ${in} ${script} VERBATIM COMMENT "Embedding ${file}"
    COMMAND ${CMAKE_COMMAND} -D IN=${in} -D OUT=${out} -D NAME=${constant} -P ${script})
  target_sources(isoflop_${module} PRIVATE ${out})
  target_include_directories(isoflop_${module} PRIVATE ${CMAKE_CURRENT_BINARY_DIR})
endfunction()

# isoflop_test(module SOURCES a_test.cc ... [PRIVATE targets...] [LIBRARY target]): one executable
# per module, linked to isoflop_<module> unless another library is named.
function(isoflop_test module)
  cmake_parse_arguments(arg "" "LIBRARY" "SOURCES;PRIVATE" ${ARGN})
  if(NOT arg_LIBRARY)
    set(arg_LIBRARY isoflop_${module})
  endif()
  set(target isoflop_${module}_test)
  add_executable(${target} ${arg_SOURCES})
  isoflop_flags(${target} COLD)
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/lib ${PROJECT_SOURCE_DIR}/tests)
  target_compile_definitions(${target} PRIVATE ISOFLOP_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  target_link_libraries(${target} PRIVATE ${arg_LIBRARY} ${arg_PRIVATE} Catch2::Catch2WithMain)
  isoflop_precompiled(${target} REUSE_FROM isoflop_test_headers)
  catch_discover_tests(${target} TEST_PREFIX "${module}: " DISCOVERY_MODE PRE_TEST)
endfunction()
