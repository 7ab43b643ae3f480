using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace ZImage.Native;

/// <summary>
/// Finds the native libraries behind the bindings, each when it is first called, and remembers which file was loaded.
/// Order: the folder that ZIMAGE_CUDA_DIR names; the program's folder; CUDA_PATH and CUDA_HOME; toolkits under /usr/local; conda and pip folders; the system's loader.
/// The driver is looked for in the first two and by the loader only.
/// </summary>
public static class NativeLibraryResolver
{
    /// <summary>The CUDA driver API: libcuda.so.1 or nvcuda.dll.</summary>
    public const string Cuda = "cuda";

    /// <summary>The run-time compiler: libnvrtc or nvrtc64, of CUDA 13 or 12.</summary>
    public const string Nvrtc = "nvrtc";

    /// <summary>The matrix library: libcublasLt or cublasLt64, of CUDA 13 or 12.</summary>
    public const string CublasLt = "cublasLt";

    private static readonly Lock s_lock = new();
    private static readonly ConcurrentDictionary<string, (nint Handle, string? Path)> s_loaded = [];

    /// <summary>The file that a library was loaded from.</summary>
    /// <param name="library">One of the constants of this class.</param>
    /// <returns>Its path; null as long as the library is not loaded.</returns>
    public static string? LoadedPath(string library) =>
        s_loaded.TryGetValue(NativeLibraryNames.Of(library).Library, out (nint Handle, string? Path) entry) ? entry.Path : null;

    /// <summary>Loads a library if it is not loaded yet, and says whether it is there now.</summary>
    /// <param name="library">One of the constants of this class.</param>
    /// <param name="failure">What was tried and what to install; null on success.</param>
    /// <returns>True if the library is loaded.</returns>
    public static bool TryLoad(string library, [NotNullWhen(false)] out NativeLibraryNotFoundException? failure) =>
        Handle(NativeLibraryNames.Of(library), out failure) != 0;

    /// <summary>Loads a library if it is not loaded yet.</summary>
    /// <param name="library">One of the constants of this class.</param>
    /// <exception cref="NativeLibraryNotFoundException">It is nowhere, or it does not load.</exception>
    public static void Load(string library)
    {
        if (!TryLoad(library, out NativeLibraryNotFoundException? failure))
        {
            throw failure;
        }
    }

    // An assembly can have one resolver and a second registration throws, so the one that serves all libraries is set before any binding can run.
    [ModuleInitializer]
    [SuppressMessage("Usage", "CA2255", Justification = "No binding of this assembly works before its resolver is set, and nothing else runs here.")]
    internal static void Register() => NativeLibrary.SetDllImportResolver(typeof(NativeLibraryResolver).Assembly, Resolve);

    private static nint Resolve(string library, Assembly assembly, DllImportSearchPath? searchPath)
    {
        if (NativeLibraryNames.Find(library) is not { } names)
        {
            return 0;
        }

        nint handle = Handle(names, out NativeLibraryNotFoundException? failure);
        return failure is null ? handle : throw failure;
    }

    // A failure is not remembered: a program may install or set what is missing and ask again.
    private static nint Handle(NativeLibraryNames names, out NativeLibraryNotFoundException? failure)
    {
        failure = null;

        // Without the lock: calls of one library go on while another is being loaded.
        if (s_loaded.TryGetValue(names.Library, out (nint Handle, string? Path) entry))
        {
            return entry.Handle;
        }

        lock (s_lock)
        {
            if (s_loaded.TryGetValue(names.Library, out entry))
            {
                return entry.Handle;
            }

            List<NativeLibraryAttempt> attempts = [];
            nint handle = NativeLibrarySearch.OfProcess.Find(names, attempts, out string? path);
            if (handle == 0)
            {
                failure = new NativeLibraryNotFoundException(names, attempts);
            }
            else
            {
                s_loaded[names.Library] = (handle, path);
            }

            return handle;
        }
    }
}
