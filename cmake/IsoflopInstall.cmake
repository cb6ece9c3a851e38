# `cmake --install` and find_package(isoflop). The libraries are static, so a consumer links their
# packages too: isoflopConfig.cmake finds them again.
include(CMakePackageConfigHelpers)

get_property(modules GLOBAL PROPERTY ISOFLOP_MODULES)
add_library(isoflop_isoflop INTERFACE)
add_library(isoflop::isoflop ALIAS isoflop_isoflop)
set_target_properties(isoflop_isoflop PROPERTIES EXPORT_NAME isoflop)
target_link_libraries(isoflop_isoflop INTERFACE ${modules})

install(TARGETS ${modules} isoflop_isoflop EXPORT isoflopTargets)
install(TARGETS isoflop_cli)
install(DIRECTORY lib/include/isoflop DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY fits/published DESTINATION ${CMAKE_INSTALL_DATADIR}/isoflop/fits)
install(EXPORT isoflopTargets NAMESPACE isoflop::
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/isoflop)
configure_package_config_file(cmake/isoflopConfig.cmake.in
  ${PROJECT_BINARY_DIR}/isoflopConfig.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/isoflop)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/isoflopConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/isoflopConfig.cmake
              ${PROJECT_BINARY_DIR}/isoflopConfigVersion.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/isoflop)
