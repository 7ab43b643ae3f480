namespace ZImage.Backends.Cuda;

/// <summary>A loaded kernel.</summary>
/// <param name="Function">The driver's CUfunction.</param>
internal readonly record struct CudaKernel(nint Function)
{
    /// <summary>Whether the kernel has been looked up.</summary>
    public bool IsLoaded => Function != 0;
}

/// <summary>Blocks of a launch.</summary>
/// <param name="X">Along x, up to 2^31 - 1.</param>
/// <param name="Y">Along y, up to 65535.</param>
/// <param name="Z">Along z, up to 65535.</param>
internal readonly record struct CudaGrid(int X, int Y = 1, int Z = 1);
