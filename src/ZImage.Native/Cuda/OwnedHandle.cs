using System.Runtime.InteropServices;

namespace ZImage.Native;

/// <summary>
/// A native object with one owner here, released once, and never before what was made from it: while it lives it holds a reference on its parent, so
/// that disposing the parent first only marks it, and the parent's release follows the last child's. Zero is no object.
/// </summary>
internal abstract class OwnedHandle : SafeHandle
{
    private readonly SafeHandle? _parent;

    /// <summary>Takes over a native object.</summary>
    /// <param name="value">The object.</param>
    /// <param name="parent">What must outlive it; null for nothing.</param>
    /// <exception cref="ObjectDisposedException">The parent is released already; the object stays the caller's.</exception>
    protected OwnedHandle(nint value, SafeHandle? parent)
        : base(0, ownsHandle: true)
    {
        bool added = false;
        parent?.DangerousAddRef(ref added);
        _parent = parent;
        SetHandle(value);
    }

    /// <inheritdoc/>
    public sealed override bool IsInvalid => handle == 0;

    /// <summary>The raw object, for the hot path: the caller keeps this handle alive as long as it uses it.</summary>
    /// <exception cref="ObjectDisposedException">The object is released.</exception>
    public nint Value
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsClosed, this);
            return handle;
        }
    }

    /// <inheritdoc/>
    protected sealed override bool ReleaseHandle()
    {
        try
        {
            return Release(handle);
        }
        finally
        {
            _parent?.DangerousRelease();
        }
    }

    /// <summary>Releases the native object; runs once, on the disposing or the finalizer's thread, and must not throw.</summary>
    /// <param name="value">The object.</param>
    /// <returns>True on success.</returns>
    protected abstract bool Release(nint value);
}
