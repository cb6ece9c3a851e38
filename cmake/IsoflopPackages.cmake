# Every package isoflop uses is found here and nowhere else.
find_package(Threads REQUIRED)
find_package(Eigen3 3.4 REQUIRED NO_MODULE)
# Boost.Math, Boost.CRC and utf.hpp of Boost.Locale, headers alone.
find_path(BOOST_INCLUDE_DIR boost/math/distributions/students_t.hpp REQUIRED)
find_package(nlohmann_json 3.10 REQUIRED)
find_package(CLI11 2.1 REQUIRED)
if(ISOFLOP_TESTS)
  find_package(Catch2 REQUIRED)
endif()

# Jets and TinySolver are headers; the Ceres library, which Debian links with SuiteSparse, is not
# linked.
find_path(CERES_INCLUDE_DIR ceres/tiny_solver.h REQUIRED)
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

# CUDA: nvcc, cuBLASLt and NCCL, or none of it.
set(ISOFLOP_CUDA "auto" CACHE STRING "The CUDA backend: auto, on or off")
set_property(CACHE ISOFLOP_CUDA PROPERTY STRINGS auto on off)
set(ISOFLOP_CUDA_FOUND FALSE)
if(NOT ISOFLOP_CUDA STREQUAL "off")
  include(CheckLanguage)
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    find_package(CUDAToolkit 12.0)
    find_path(NCCL_INCLUDE_DIR nccl.h HINTS ${CUDAToolkit_INCLUDE_DIRS})
    find_library(NCCL_LIBRARY nccl HINTS ${CUDAToolkit_LIBRARY_DIR})
    find_path(CUDNN_INCLUDE_DIR cudnn_graph.h HINTS ${CUDAToolkit_INCLUDE_DIRS})  # optional
    if(TARGET CUDA::cublasLt AND NCCL_INCLUDE_DIR AND NCCL_LIBRARY)
      set(CMAKE_CUDA_STANDARD 20)
      if(NOT CMAKE_CUDA_ARCHITECTURES)
        set(CMAKE_CUDA_ARCHITECTURES 90)
      endif()
      enable_language(CUDA)
      set(ISOFLOP_CUDA_FOUND TRUE)
    endif()
  endif()
  if(ISOFLOP_CUDA STREQUAL "on" AND NOT ISOFLOP_CUDA_FOUND)
    message(FATAL_ERROR "ISOFLOP_CUDA=on, but nvcc, cuBLASLt and NCCL were not all found")
  endif()
endif()
message(STATUS "isoflop: CUDA backend ${ISOFLOP_CUDA_FOUND}")
