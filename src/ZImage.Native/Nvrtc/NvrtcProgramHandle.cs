using System.Runtime.InteropServices;
using System.Text;

namespace ZImage.Native;

/// <summary>A program of the run-time compiler: a source with its headers and, once compiled, its outputs.</summary>
internal sealed unsafe class NvrtcProgramHandle : OwnedHandle
{
    private delegate NvrtcResult SizeOf(nint program, out nuint size);

    private delegate NvrtcResult CopyTo(nint program, byte* destination);

    private NvrtcProgramHandle(nint program)
        : base(program, parent: null)
    {
    }

    /// <summary>Makes a program.</summary>
    /// <param name="name">Name of the source in messages and line information; a real path lets profilers show the source.</param>
    /// <param name="source">The source.</param>
    /// <param name="headers">Headers: the name that <c>#include</c> uses, and the text.</param>
    /// <exception cref="NvrtcException">The library refuses.</exception>
    public static NvrtcProgramHandle Create(string name, string source, IReadOnlyCollection<KeyValuePair<string, string>> headers)
    {
        using Utf8StringArray texts = new([source, name]);
        using Utf8StringArray contents = new([.. headers.Select(header => header.Value)]);
        using Utf8StringArray names = new([.. headers.Select(header => header.Key)]);
        NvrtcException.ThrowIfFailed(
            Nvrtc.nvrtcCreateProgram(out nint program, texts.Pointers[0], texts.Pointers[1], headers.Count, contents.Pointers, names.Pointers));
        return new NvrtcProgramHandle(program);
    }

    /// <summary>Compiles; the log is there whatever the result.</summary>
    /// <param name="options">The compiler's options, one a string.</param>
    /// <returns>The raw result.</returns>
    public NvrtcResult Compile(IReadOnlyCollection<string> options)
    {
        using Utf8StringArray texts = new(options);
        return Nvrtc.nvrtcCompileProgram(Value, options.Count, texts.Pointers);
    }

    /// <summary>The log of the last compilation, without its terminating zero.</summary>
    /// <exception cref="NvrtcException">The library refuses.</exception>
    public string Log() => Encoding.UTF8.GetString(Output(Nvrtc.nvrtcGetProgramLogSize, Nvrtc.nvrtcGetProgramLog)).TrimEnd('\0');

    /// <summary>The cubin; empty if the architecture was a virtual one.</summary>
    /// <exception cref="NvrtcException">The program is not compiled.</exception>
    public byte[] Cubin() => Output(Nvrtc.nvrtcGetCUBINSize, Nvrtc.nvrtcGetCUBIN);

    /// <summary>The PTX with its terminating zero, as a module is loaded from it.</summary>
    /// <exception cref="NvrtcException">The program is not compiled.</exception>
    public byte[] Ptx() => Output(Nvrtc.nvrtcGetPTXSize, Nvrtc.nvrtcGetPTX);

    /// <summary>Asks, before the compilation, for the mangled name of an expression such as a template's instance.</summary>
    /// <param name="expression">The expression, as C++ writes it.</param>
    /// <exception cref="NvrtcException">The program is compiled already.</exception>
    public void AddNameExpression(string expression)
    {
        using Utf8StringArray texts = new([expression]);
        NvrtcException.ThrowIfFailed(Nvrtc.nvrtcAddNameExpression(Value, texts.Pointers[0]));
    }

    /// <summary>The mangled name of an expression that was asked for.</summary>
    /// <param name="expression">The expression, exactly as it was added.</param>
    /// <exception cref="NvrtcException">It was not asked for, or the program is not compiled.</exception>
    public string LoweredName(string expression)
    {
        using Utf8StringArray texts = new([expression]);
        NvrtcException.ThrowIfFailed(Nvrtc.nvrtcGetLoweredName(Value, texts.Pointers[0], out byte* name));
        return Marshal.PtrToStringUTF8((nint)name) ?? "";
    }

    /// <inheritdoc/>
    protected override bool Release(nint value) => Nvrtc.nvrtcDestroyProgram(ref value) == NvrtcResult.NVRTC_SUCCESS;

    private byte[] Output(SizeOf sizeOf, CopyTo copyTo)
    {
        NvrtcException.ThrowIfFailed(sizeOf(Value, out nuint size));
        byte[] bytes = new byte[checked((int)size)];
        if (bytes.Length > 0)
        {
            fixed (byte* destination = bytes)
            {
                NvrtcException.ThrowIfFailed(copyTo(Value, destination));
            }
        }

        return bytes;
    }
}
