using System.Runtime.InteropServices;

namespace ZImage.Native;

/// <summary>
/// NVRTC as its manual has it: names kept, the raw result returned. A program is a nint; texts are zero-terminated UTF-8; sizes of texts include the zero.
/// The functions may be called by many threads at once, for different programs.
/// </summary>
internal static unsafe partial class Nvrtc
{
    private const string Library = NativeLibraryResolver.Nvrtc;

    /// <summary>Version of the library.</summary>
    [LibraryImport(Library)]
    public static partial NvrtcResult nvrtcVersion(out int major, out int minor);

    /// <summary>Number of architectures that it compiles for.</summary>
    [LibraryImport(Library)]
    public static partial NvrtcResult nvrtcGetNumSupportedArchs(out int count);

    /// <summary>The architectures, ascending, 90 for compute_90; [count of <see cref="nvrtcGetNumSupportedArchs"/>].</summary>
    [LibraryImport(Library)]
    public static partial NvrtcResult nvrtcGetSupportedArchs(int* architectures);

    /// <summary>Description of a result, as static text.</summary>
    [LibraryImport(Library)]
    public static partial byte* nvrtcGetErrorString(NvrtcResult result);

    /// <summary>A program of one source and [numHeaders] headers with the names under which it includes them.</summary>
    [LibraryImport(Library)]
    public static partial NvrtcResult nvrtcCreateProgram(out nint program, byte* source, byte* name, int numHeaders, byte** headers, byte** includeNames);

    /// <summary>Destroys a program and zeroes the handle.</summary>
    [LibraryImport(Library)]
    public static partial NvrtcResult nvrtcDestroyProgram(ref nint program);

    /// <summary>Compiles with [numOptions] options.</summary>
    [LibraryImport(Library)]
    public static partial NvrtcResult nvrtcCompileProgram(nint program, int numOptions, byte** options);

    /// <summary>Size of the log.</summary>
    [LibraryImport(Library)]
    public static partial NvrtcResult nvrtcGetProgramLogSize(nint program, out nuint size);

    /// <summary>The log: errors, warnings, and what the assembler was asked to report.</summary>
    [LibraryImport(Library)]
    public static partial NvrtcResult nvrtcGetProgramLog(nint program, byte* log);

    /// <summary>Size of the cubin; 0 if the architecture was a virtual one (compute_).</summary>
    [LibraryImport(Library)]
    public static partial NvrtcResult nvrtcGetCUBINSize(nint program, out nuint size);

    /// <summary>The cubin.</summary>
    [LibraryImport(Library)]
    public static partial NvrtcResult nvrtcGetCUBIN(nint program, byte* cubin);

    /// <summary>Size of the PTX.</summary>
    [LibraryImport(Library)]
    public static partial NvrtcResult nvrtcGetPTXSize(nint program, out nuint size);

    /// <summary>The PTX, zero-terminated.</summary>
    [LibraryImport(Library)]
    public static partial NvrtcResult nvrtcGetPTX(nint program, byte* ptx);

    /// <summary>Asks, before the compilation, for the mangled name of an expression.</summary>
    [LibraryImport(Library)]
    public static partial NvrtcResult nvrtcAddNameExpression(nint program, byte* expression);

    /// <summary>Gives, after the compilation, the mangled name; the program owns the text.</summary>
    [LibraryImport(Library)]
    public static partial NvrtcResult nvrtcGetLoweredName(nint program, byte* expression, out byte* loweredName);
}
