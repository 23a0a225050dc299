# What find_package(penstock) reads. The target is penstock::penstock.
include(CMakeFindDependencyMacro)
include(${CMAKE_CURRENT_LIST_DIR}/third_party.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/penstock-targets.cmake)
