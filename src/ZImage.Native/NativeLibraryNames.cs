namespace ZImage.Native;

/// <summary>What one logical library is called on this system, newest major version first.</summary>
/// <param name="Library">Logical name, as the bindings import it.</param>
/// <param name="Title">Name for messages.</param>
/// <param name="Files">File names to try, in order.</param>
/// <param name="Companions">Pattern of files that the library opens by name at run time and that sit beside it; null for none.</param>
/// <param name="PipFolders">Folders under site-packages that hold the library when pip installed it.</param>
/// <param name="IsDriver">True for the driver, which comes with the system and not with a toolkit.</param>
/// <param name="Hint">What to install or set when it is missing.</param>
internal sealed record NativeLibraryNames(
    string Library,
    string Title,
    string[] Files,
    string? Companions,
    string[] PipFolders,
    bool IsDriver,
    string Hint)
{
    private static readonly bool s_windows = OperatingSystem.IsWindows();

    private const string ToolkitHint =
        "Install the CUDA Toolkit 13 or 12, or the pip packages of the same name, or set ZIMAGE_CUDA_DIR to the folder that holds the library.";

    /// <summary>The names of a logical library.</summary>
    /// <param name="library">One of the constants of <see cref="NativeLibraryResolver"/>.</param>
    /// <exception cref="ArgumentException">No library has that logical name.</exception>
    public static NativeLibraryNames Of(string library) => Find(library)
        ?? throw new ArgumentException(
            $"No native library is called '{library}'; the names are {NativeLibraryResolver.Cuda}, {NativeLibraryResolver.Nvrtc} and {NativeLibraryResolver.CublasLt}.",
            nameof(library));

    /// <summary>The names of a logical library; null for a name that is not ours.</summary>
    /// <param name="library">Any name.</param>
    public static NativeLibraryNames? Find(string library) => library switch
    {
        NativeLibraryResolver.Cuda => new(
            library,
            "The NVIDIA driver",
            s_windows ? ["nvcuda.dll"] : ["libcuda.so.1"],
            null,
            [],
            true,
            "Install the NVIDIA driver; in a container, start it with the GPUs passed through (--gpus all)."),
        NativeLibraryResolver.Nvrtc => new(
            library,
            "NVRTC, the CUDA run-time compiler,",
            s_windows ? ["nvrtc64_130_0.dll", "nvrtc64_120_0.dll"] : ["libnvrtc.so.13", "libnvrtc.so.12"],
            s_windows ? "nvrtc-builtins64_*.dll" : "libnvrtc-builtins.so.*",
            PipFoldersOf("cuda_nvrtc"),
            false,
            ToolkitHint),
        NativeLibraryResolver.CublasLt => new(
            library,
            "cuBLASLt",
            s_windows ? ["cublasLt64_13.dll", "cublasLt64_12.dll"] : ["libcublasLt.so.13", "libcublasLt.so.12"],
            null,
            PipFoldersOf("cublas"),
            false,
            ToolkitHint),
        _ => null,
    };

    // The wheels of CUDA 13 share one folder; those of CUDA 12 have one folder a component.
    private static string[] PipFoldersOf(string component) => s_windows
        ? [Path.Combine("nvidia", "cu13", "bin", "x86_64"), Path.Combine("nvidia", "cu13", "bin"), Path.Combine("nvidia", component, "bin")]
        : [Path.Combine("nvidia", "cu13", "lib"), Path.Combine("nvidia", component, "lib")];
}
