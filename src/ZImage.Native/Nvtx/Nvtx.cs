using System.Runtime.InteropServices;

namespace ZImage.Native;

/// <summary>
/// The application's side of NVTX 3, which is a header in C: a profiler that starts the program names its library in NVTX_INJECTION64_PATH; that library
/// is loaded, asks for tables of pointers to function slots, and writes its functions into them. Slots that it leaves empty do nothing.
/// </summary>
internal static unsafe class Nvtx
{
    /// <summary>Variable that names the tool's library.</summary>
    public const string InjectionVariable = "NVTX_INJECTION64_PATH";

    private const uint CallbackTable = 1;
    private const uint VersionTable = 3;
    private const int CoreModule = 1;
    private const int MarkA = 2;
    private const int RangePushA = 9;
    private const int RangePop = 11;

    // Functions of each module (core, CUDA, OpenCL, CUDA runtime, core2, sync), slot 0 unused. We call only some of core's; the others are there to be filled.
    private static readonly int[] s_moduleSizes = [0, 16, 9, 15, 7, 16, 7];
    private static readonly nint** s_tables = AllocateTables();
    private static readonly ExportedCallbacks* s_callbacks = AllocateCallbacks();
    private static readonly ExportedVersion* s_version = AllocateVersion();
    private static bool s_attached = AttachFromEnvironment();

    /// <summary>Whether a tool listens. Without one this is all that a range costs.</summary>
    public static bool IsAttached => s_attached;

    /// <summary>Opens a range on the calling thread; only while a tool listens.</summary>
    /// <param name="name">Name, zero-terminated UTF-8.</param>
    public static void Push(byte* name)
    {
        delegate* unmanaged<byte*, int> push = (delegate* unmanaged<byte*, int>)Slot(RangePushA);
        if (push is not null)
        {
            _ = push(name);
        }
    }

    /// <summary>Closes the innermost range of the calling thread; only while a tool listens.</summary>
    public static void Pop()
    {
        delegate* unmanaged<int> pop = (delegate* unmanaged<int>)Slot(RangePop);
        if (pop is not null)
        {
            _ = pop();
        }
    }

    /// <summary>Marks a moment; only while a tool listens.</summary>
    /// <param name="name">Name, zero-terminated UTF-8.</param>
    public static void Mark(byte* name)
    {
        delegate* unmanaged<byte*, void> mark = (delegate* unmanaged<byte*, void>)Slot(MarkA);
        if (mark is not null)
        {
            mark(name);
        }
    }

    /// <summary>Lets a tool attach.</summary>
    /// <param name="initialize">The tool's InitializeInjectionNvtx2: takes our function for export tables, gives 0 for failure.</param>
    /// <returns>True if it attached.</returns>
    public static bool Attach(delegate* unmanaged<delegate* unmanaged<uint, void*>, int> initialize)
    {
        s_attached = initialize(&GetExportTable) != 0;
        if (!s_attached)
        {
            Detach();
        }

        return s_attached;
    }

    /// <summary>Forgets a tool: every slot is empty again.</summary>
    public static void Detach()
    {
        s_attached = false;
        for (int module = CoreModule; module < s_moduleSizes.Length; module++)
        {
            for (int function = 1; function < s_moduleSizes[module]; function++)
            {
                *(nint*)s_tables[module][function] = 0;
            }
        }
    }

    private static bool AttachFromEnvironment()
    {
        string? path = Environment.GetEnvironmentVariable(InjectionVariable);
        if (string.IsNullOrEmpty(path) || !NativeLibrary.TryLoad(path, out nint library))
        {
            return false;
        }

        if (NativeLibrary.TryGetExport(library, "InitializeInjectionNvtx2", out nint initialize)
            && Attach((delegate* unmanaged<delegate* unmanaged<uint, void*>, int>)initialize))
        {
            return true;
        }

        NativeLibrary.Free(library);
        return false;
    }

    private static nint Slot(int function) => *(nint*)s_tables[CoreModule][function];

    // All memory here lives as long as the process: tools keep pointers into it.
    private static nint** AllocateTables()
    {
        nint** tables = (nint**)NativeMemory.AllocZeroed((nuint)s_moduleSizes.Length, (nuint)sizeof(nint*));
        for (int module = CoreModule; module < s_moduleSizes.Length; module++)
        {
            int size = s_moduleSizes[module];

            // A table has a pointer for each function and a null behind the last; the slots themselves follow it.
            nint* table = (nint*)NativeMemory.AllocZeroed((nuint)(2 * size + 1), (nuint)sizeof(nint));
            for (int function = 1; function < size; function++)
            {
                table[function] = (nint)(table + size + 1 + function);
            }

            tables[module] = table;
        }

        return tables;
    }

    private static ExportedCallbacks* AllocateCallbacks()
    {
        ExportedCallbacks* callbacks = (ExportedCallbacks*)NativeMemory.AllocZeroed((nuint)sizeof(ExportedCallbacks));
        callbacks->structSize = (nuint)sizeof(ExportedCallbacks);
        callbacks->getModuleFunctionTable = &GetModuleFunctionTable;
        return callbacks;
    }

    private static ExportedVersion* AllocateVersion()
    {
        ExportedVersion* version = (ExportedVersion*)NativeMemory.AllocZeroed((nuint)sizeof(ExportedVersion));
        version->structSize = (nuint)sizeof(ExportedVersion);
        version->version = 3;
        version->setInjectionVersion = &SetInjectionVersion;
        return version;
    }

    [UnmanagedCallersOnly]
    private static void* GetExportTable(uint id) => id switch
    {
        CallbackTable => s_callbacks,
        VersionTable => s_version,
        _ => null,
    };

    [UnmanagedCallersOnly]
    private static int GetModuleFunctionTable(int module, nint** table, uint* size)
    {
        if (module < CoreModule || module >= s_moduleSizes.Length)
        {
            return 0;
        }

        if (size is not null)
        {
            *size = (uint)s_moduleSizes[module];
        }

        if (table is not null)
        {
            *table = s_tables[module];
        }

        return 1;
    }

    [UnmanagedCallersOnly]
    private static void SetInjectionVersion(uint version)
    {
    }

    /// <summary>Export table 1: how a tool gets at the slots.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct ExportedCallbacks
    {
        /// <summary>Size of this struct in bytes.</summary>
        public nuint structSize;

        /// <summary>Gives the table of a module and its number of entries; 0 for a module that is none.</summary>
        public delegate* unmanaged<int, nint**, uint*, int> getModuleFunctionTable;
    }

    /// <summary>Export table 3: the version of our side.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct ExportedVersion
    {
        /// <summary>Size of this struct in bytes.</summary>
        public nuint structSize;

        /// <summary>NVTX version.</summary>
        public uint version;

        /// <summary>Zero.</summary>
        public uint reserved;

        /// <summary>Takes the tool's version; we do not care.</summary>
        public delegate* unmanaged<uint, void> setInjectionVersion;
    }
}
