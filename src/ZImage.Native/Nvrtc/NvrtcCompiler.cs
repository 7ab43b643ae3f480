namespace ZImage.Native;

/// <summary>One call from source to machine code.</summary>
internal static class NvrtcCompiler
{
    /// <summary>Compiles a source to a cubin.</summary>
    /// <param name="name">Name of the source in messages and line information.</param>
    /// <param name="source">The source.</param>
    /// <param name="headers">Headers: the name that <c>#include</c> uses, and the text.</param>
    /// <param name="options">The compiler's options; among them --gpu-architecture=sm_XX, a real architecture.</param>
    /// <returns>The cubin, and the log with warnings; the log is empty if there is nothing to say.</returns>
    /// <exception cref="NvrtcException">The source does not compile, with the log; or an option is unknown.</exception>
    public static (byte[] Cubin, string Log) Compile(
        string name, string source, IReadOnlyCollection<KeyValuePair<string, string>> headers, IReadOnlyCollection<string> options)
    {
        using NvrtcProgramHandle program = CompileProgram(name, source, headers, options, out string log);
        byte[] cubin = program.Cubin();
        return cubin.Length > 0
            ? (cubin, log)
            : throw new ArgumentException($"No cubin came of {name}: the options ({string.Join(' ', options)}) name no real architecture; give --gpu-architecture=sm_XX.", nameof(options));
    }

    /// <summary>Compiles a source to PTX, for a device that is newer than the compiler.</summary>
    /// <param name="name">Name of the source in messages and line information.</param>
    /// <param name="source">The source.</param>
    /// <param name="headers">Headers: the name that <c>#include</c> uses, and the text.</param>
    /// <param name="options">The compiler's options; among them --gpu-architecture=compute_XX.</param>
    /// <returns>The PTX with its terminating zero, and the log.</returns>
    /// <exception cref="NvrtcException">The source does not compile, with the log; or an option is unknown.</exception>
    public static (byte[] Ptx, string Log) CompileToPtx(
        string name, string source, IReadOnlyCollection<KeyValuePair<string, string>> headers, IReadOnlyCollection<string> options)
    {
        using NvrtcProgramHandle program = CompileProgram(name, source, headers, options, out string log);
        return (program.Ptx(), log);
    }

    /// <summary>The version of the library.</summary>
    /// <exception cref="NvrtcException">The library refuses.</exception>
    public static Version Version()
    {
        NvrtcException.ThrowIfFailed(Nvrtc.nvrtcVersion(out int major, out int minor));
        return new Version(major, minor);
    }

    /// <summary>The architectures that the library compiles for, ascending; 90 for compute_90.</summary>
    /// <exception cref="NvrtcException">The library refuses.</exception>
    public static unsafe int[] SupportedArchitectures()
    {
        NvrtcException.ThrowIfFailed(Nvrtc.nvrtcGetNumSupportedArchs(out int count));
        int[] architectures = new int[count];
        fixed (int* first = architectures)
        {
            NvrtcException.ThrowIfFailed(Nvrtc.nvrtcGetSupportedArchs(first));
        }

        return architectures;
    }

    private static NvrtcProgramHandle CompileProgram(
        string name, string source, IReadOnlyCollection<KeyValuePair<string, string>> headers, IReadOnlyCollection<string> options, out string log)
    {
        NvrtcProgramHandle program = NvrtcProgramHandle.Create(name, source, headers);
        try
        {
            NvrtcResult result = program.Compile(options);
            log = program.Log();
            return result == NvrtcResult.NVRTC_SUCCESS
                ? program
                : throw new NvrtcException(result, $"Compiling {name} with {string.Join(' ', options)}", log);
        }
        catch
        {
            program.Dispose();
            throw;
        }
    }
}
