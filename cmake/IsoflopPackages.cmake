# Every package isoflop uses is found here and nowhere else.
find_package(Threads REQUIRED)
find_package(Eigen3 3.4 REQUIRED NO_MODULE)
find_package(nlohmann_json 3.10 REQUIRED)
find_package(CLI11 2.1 REQUIRED)
if(ISOFLOP_TESTS)
  find_package(Catch2 REQUIRED)
endif()

find_path(XXHASH_INCLUDE_DIR xxhash.h REQUIRED)

# OpenBLAS from the distribution; its CMake package differs between releases, the files do not.
if(NOT ISOFLOP_BLAS STREQUAL "eigen")
  find_library(OPENBLAS_LIBRARY openblas)
  find_path(OPENBLAS_INCLUDE_DIR cblas.h PATH_SUFFIXES openblas openblas-pthread
            HINTS /usr/include/${CMAKE_LIBRARY_ARCHITECTURE})
  if(ISOFLOP_BLAS STREQUAL "openblas" AND NOT (OPENBLAS_LIBRARY AND OPENBLAS_INCLUDE_DIR))
    message(FATAL_ERROR "ISOFLOP_BLAS=openblas, but OpenBLAS was not found")
  endif()
endif()
if(OPENBLAS_LIBRARY AND OPENBLAS_INCLUDE_DIR AND NOT ISOFLOP_BLAS STREQUAL "eigen")
  set(ISOFLOP_BLAS_FOUND openblas)
else()
  set(ISOFLOP_BLAS_FOUND eigen)
endif()
message(STATUS "isoflop: matrix products by ${ISOFLOP_BLAS_FOUND}")
