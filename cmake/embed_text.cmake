# cmake -D IN=<text file> -D OUT=<header> -D NAME=<constant> -P embed_text.cmake
# Writes a header with the text as a constant: the program holds what the file said, and reads no file.
file(READ ${IN} text)
string(FIND "${text}" ")text\"" end)
if(NOT end EQUAL -1)
  message(FATAL_ERROR "${IN}: holds )text\", which ends the literal it is put into")
endif()
get_filename_component(file ${IN} NAME)
file(WRITE ${OUT} "// Made from ${file}.
#pragma once

#include <string_view>

namespace isoflop {

inline constexpr std::string_view ${NAME} = R\"text(${text})text\";

}  // namespace isoflop
")
