using System.Runtime.InteropServices;

namespace ZImage.Native;

/// <summary>A loaded module: kernels of one cubin. Kernels (CUfunction) are owned by it. (The plain name is taken: System.ModuleHandle.)</summary>
internal sealed unsafe class CudaModuleHandle : ContextBoundHandle
{
    private const int LogBytes = 8192;

    private CudaModuleHandle(nint module, ContextHandle context)
        : base(module, context)
    {
    }

    /// <summary>Loads a module into a context that is current on the calling thread.</summary>
    /// <param name="context">The context.</param>
    /// <param name="image">A cubin, a fatbin, or PTX that ends in a zero byte.</param>
    /// <exception cref="CudaException">The image is not for this device or not valid; the message holds the driver's log.</exception>
    public static CudaModuleHandle Load(ContextHandle context, ReadOnlySpan<byte> image)
    {
        ObjectDisposedException.ThrowIf(context.IsClosed, context);
        byte[] log = new byte[LogBytes];
        CUjit_option* options = stackalloc[] { CUjit_option.CU_JIT_ERROR_LOG_BUFFER, CUjit_option.CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES };
        fixed (byte* bytes = image, text = log)
        {
            void** values = stackalloc void*[] { text, (void*)(LogBytes - 1) };
            CudaResult result = CudaDriver.cuModuleLoadDataEx(out nint module, bytes, 2, options, values);
            if (result != CudaResult.CUDA_SUCCESS)
            {
                CudaException.Throw(result, $"cuModuleLoadDataEx of {image.Length} bytes", Marshal.PtrToStringUTF8((nint)text));
            }

            return new CudaModuleHandle(module, context);
        }
    }

    /// <summary>A kernel by name.</summary>
    /// <param name="name">Its name; for an extern "C" kernel the name in the source.</param>
    /// <returns>The kernel (CUfunction), alive as long as the module.</returns>
    /// <exception cref="CudaException">The module has no such kernel.</exception>
    public nint GetFunction(string name)
    {
        byte* text = (byte*)Marshal.StringToCoTaskMemUTF8(name);
        try
        {
            CudaResult result = CudaDriver.cuModuleGetFunction(out nint function, Value, text);
            if (result != CudaResult.CUDA_SUCCESS)
            {
                CudaException.Throw(result, $"cuModuleGetFunction(\"{name}\")", log: null);
            }

            return function;
        }
        finally
        {
            Marshal.FreeCoTaskMem((nint)text);
        }
    }

    /// <inheritdoc/>
    protected override bool ReleaseInContext(nint value) => IsReleased(CudaDriver.cuModuleUnload(value));
}
