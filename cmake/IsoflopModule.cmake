# isoflop_units(target name a.cc ...): compiles the sources of one folder in a few units of several
# files each: most of a file's compile time goes into the headers that its neighbours read, too.
# Units are small enough that one file touched costs seconds. With ISOFLOP_UNITY=OFF every file is
# compiled alone.
function(isoflop_units target name)
  set_target_properties(${target} PROPERTIES
    UNITY_BUILD ${ISOFLOP_UNITY} UNITY_BUILD_MODE GROUP)
  list(LENGTH ARGN n)
  math(EXPR n_units "(${n} + 8) / 9")
  set(i 0)
  foreach(source IN LISTS ARGN)
    math(EXPR unit "${i} * ${n_units} / ${n}")
    set_source_files_properties(${source} PROPERTIES UNITY_GROUP ${name}_${unit})
    math(EXPR i "${i} + 1")
  endforeach()
endfunction()

# isoflop_module(name SOURCES a.cc ... [PRIVATE package targets...])
#
# A static library isoflop_<name>, alias isoflop::<name>, linked to exactly the modules that
# lib/LAYERS lets it include.

function(isoflop_flags target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_compile_options(${target} PRIVATE
    $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion>
    # GCC 12 sees overlaps in std::string's own operator+ (gcc.gnu.org/PR105651).
    $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<CXX_COMPILER_ID:GNU>>:-Wno-restrict>)
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
  cmake_parse_arguments(arg "" "" "SOURCES;PRIVATE" ${ARGN})
  set(target isoflop_${name})
  add_library(${target} STATIC ${arg_SOURCES})
  isoflop_units(${target} ${name} ${arg_SOURCES})
  add_library(isoflop::${name} ALIAS ${target})
  isoflop_flags(${target})
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
  set_property(GLOBAL APPEND PROPERTY ISOFLOP_MODULES ${target})
endfunction()

# isoflop_wing(module wing a.cc ...): sources of lib/<module>/<wing>, of the module's library.
function(isoflop_wing module wing)
  list(TRANSFORM ARGN PREPEND ${wing}/)
  target_sources(isoflop_${module} PRIVATE ${ARGN})
  isoflop_units(isoflop_${module} ${wing} ${ARGN})
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
  isoflop_flags(${target})
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/lib ${PROJECT_SOURCE_DIR}/tests)
  target_compile_definitions(${target} PRIVATE ISOFLOP_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  # Tests spend their time in the library; optimised more, they only take longer to build.
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1>)
  target_link_libraries(${target} PRIVATE ${arg_LIBRARY} ${arg_PRIVATE} Catch2::Catch2WithMain)
  catch_discover_tests(${target} TEST_PREFIX "${module}: " DISCOVERY_MODE PRE_TEST)
endfunction()
