using System.Diagnostics;
using System.Runtime.InteropServices;
using NUnit.Framework;
using ZImage.Native;

namespace ZImage.Tests.Native;

/// <summary>Where native libraries are looked for, in which order, and what is said when there are none. A copy of the C mathematics library stands in.</summary>
[Platform("Linux")]
public sealed class NativeLibrarySearchTests
{
    private string _root = "";

    [SetUp]
    public void MakeFolder() => _root = Directory.CreateTempSubdirectory("zimage-native-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_root, recursive: true);

    [TestCase("")]
    [TestCase("lib64")]
    [TestCase("lib")]
    public void The_override_comes_before_everything_else(string below)
    {
        string expected = PlaceLibrary(Path.Combine("override", below), "libcublasLt.so.13");
        _ = PlaceLibrary("application", "libcublasLt.so.13");
        _ = PlaceLibrary("toolkit/lib64", "libcublasLt.so.13");

        Assert.That(Find(NativeLibraryResolver.CublasLt, ("ZIMAGE_CUDA_DIR", "override"), ("CUDA_PATH", "toolkit")), Is.EqualTo(expected));
    }

    [Test]
    public void The_program_s_folder_comes_before_the_toolkit()
    {
        string expected = PlaceLibrary("application", "libcublasLt.so.12");
        _ = PlaceLibrary("toolkit/lib64", "libcublasLt.so.13");

        Assert.That(Find(NativeLibraryResolver.CublasLt, ("CUDA_PATH", "toolkit")), Is.EqualTo(expected));
    }

    [TestCase("CUDA_PATH")]
    [TestCase("CUDA_HOME")]
    public void A_toolkit_that_a_variable_names_is_searched(string variable)
    {
        string expected = PlaceLibrary("toolkit/targets/x86_64-linux/lib", "libnvrtc.so.12");

        Assert.That(Find(NativeLibraryResolver.Nvrtc, (variable, "toolkit")), Is.EqualTo(expected));
    }

    [Test]
    public void In_one_folder_major_13_comes_before_12()
    {
        _ = PlaceLibrary("override", "libnvrtc.so.12");
        string expected = PlaceLibrary("override", "libnvrtc.so.13");

        Assert.That(Find(NativeLibraryResolver.Nvrtc, ("ZIMAGE_CUDA_DIR", "override")), Is.EqualTo(expected));
    }

    [Test]
    public void A_file_that_does_not_load_is_passed_over_with_its_reason()
    {
        Directory.CreateDirectory(Path.Combine(_root, "override"));
        string broken = Path.Combine(_root, "override", "libnvrtc.so.13");
        File.WriteAllText(broken, "no library");
        string expected = PlaceLibrary("override", "libnvrtc.so.12");
        List<NativeLibraryAttempt> attempts = [];

        Assert.That(Find(NativeLibraryResolver.Nvrtc, attempts, ("ZIMAGE_CUDA_DIR", "override")), Is.EqualTo(expected));
        Assert.That(attempts.Single(attempt => attempt.Path == broken).Reason, Is.EqualTo("file too short").Or.EqualTo("invalid ELF header"));
        Assert.That(attempts[^1], Is.EqualTo(new NativeLibraryAttempt(expected, "loaded")));
    }

    [TestCase("venv/lib/python3.12/site-packages/nvidia/cu13/lib", "VIRTUAL_ENV", "venv")]
    [TestCase("venv/lib/python3.12/site-packages/nvidia/cublas/lib", "VIRTUAL_ENV", "venv")]
    [TestCase("conda/lib/python3.13/site-packages/nvidia/cu13/lib", "CONDA_PREFIX", "conda")]
    [TestCase("conda/lib", "CONDA_PREFIX", "conda")]
    [TestCase("home/.local/lib/python3.12/site-packages/nvidia/cublas/lib", "HOME", "home")]
    public void Python_environments_are_searched(string folder, string variable, string prefix)
    {
        IgnoreWithToolkit();
        string expected = PlaceLibrary(folder, "libcublasLt.so.13");

        Assert.That(Find(NativeLibraryResolver.CublasLt, (variable, prefix)), Is.EqualTo(expected));
    }

    [Test]
    public void The_python_on_the_path_is_searched()
    {
        IgnoreWithToolkit();
        string expected = PlaceLibrary("opt/env/lib/python3.12/site-packages/nvidia/cuda_nvrtc/lib", "libnvrtc.so.12");
        Directory.CreateDirectory(Path.Combine(_root, "opt/env/bin"));
        File.WriteAllText(Path.Combine(_root, "opt/env/bin/python3"), "");

        Assert.That(Find(NativeLibraryResolver.Nvrtc, ("PATH", "opt/env/bin/")), Is.EqualTo(expected));
    }

    [Test]
    public void The_driver_is_not_looked_for_in_toolkits()
    {
        _ = PlaceLibrary("toolkit/lib64", "libcuda.so.1");
        List<NativeLibraryAttempt> attempts = [];

        string? path = Find(NativeLibraryResolver.Cuda, attempts, ("CUDA_PATH", "toolkit"));

        Assert.That(path, Is.Null.Or.Not.StartsWith(_root));
        Assert.That(attempts.Select(attempt => attempt.Path), Has.None.Contains("toolkit"));
    }

    [Test]
    public void A_search_in_vain_lists_every_place_with_its_reason_and_what_to_install()
    {
        NativeLibraryNames names = NativeLibraryNames.Of(NativeLibraryResolver.CublasLt) with { Files = ["libzimage_absent.so.2", "libzimage_absent.so.1"] };
        string toolkit = Path.Combine(_root, "toolkit");
        Directory.CreateDirectory(Path.Combine(toolkit, "lib64"));
        List<NativeLibraryAttempt> attempts = [];

        nint handle = Search(("CUDA_PATH", "toolkit")).Find(names, attempts, out string? path);
        NativeLibraryNotFoundException error = new(names, attempts);

        Assert.That((long)handle, Is.Zero);
        Assert.That(path, Is.Null);
        Assert.That(error.Message, Does.Contain("libzimage_absent.so.2 or libzimage_absent.so.1"));
        Assert.That(error.Message, Does.Not.Contain("Install"), "what to install is the hint, which is told beside the message");
        Assert.That(error.Message, Does.Contain("\n  ZIMAGE_CUDA_DIR: not set"));
        Assert.That(error.Message, Does.Contain($"\n  {toolkit}/lib64/libzimage_absent.so.2: no such file"));
        Assert.That(error.Message, Does.Contain($"\n  {toolkit}/lib64/libzimage_absent.so.1: no such file"));
        Assert.That(error.Message, Does.Contain($"\n  {toolkit}/lib: no such folder"));
        Assert.That(error.Message, Does.Contain("\n  libzimage_absent.so.1: the system's loader does not find it"));
        Assert.That(error.Hint, Does.StartWith("Install the CUDA Toolkit").And.Contain("ZIMAGE_CUDA_DIR"));
    }

    [Test]
    public void A_library_found_by_the_loader_is_reported_with_its_file()
    {
        NativeLibraryNames names = NativeLibraryNames.Of(NativeLibraryResolver.CublasLt) with { Files = [Path.GetFileName(MathLibrary())] };

        nint handle = Search().Find(names, [], out string? path);

        Assert.That((long)handle, Is.Not.Zero);
        Assert.That(path, Is.EqualTo(MathLibrary()));
    }

    [Test]
    public void An_unknown_library_is_an_argument_error() =>
        Assert.That(() => NativeLibraryResolver.LoadedPath("opencl"), Throws.ArgumentException.With.Message.Contains("opencl"));

    [TestCase(NativeLibraryResolver.Cuda)]
    [TestCase(NativeLibraryResolver.Nvrtc)]
    [TestCase(NativeLibraryResolver.CublasLt)]
    public void A_library_is_loaded_with_a_path_or_missing_with_a_reason(string library)
    {
        bool loaded = NativeLibraryResolver.TryLoad(library, out NativeLibraryNotFoundException? failure);

        Assert.That(NativeLibraryResolver.LoadedPath(library), loaded ? Is.Not.Empty : Is.Null);
        Assert.That(failure?.Attempts, loaded ? Is.Null : Is.Not.Empty);
    }

    [Test]
    public void Calling_into_a_missing_library_says_what_was_tried()
    {
        if (NativeLibraryResolver.TryLoad(NativeLibraryResolver.Cuda, out _))
        {
            Assert.Ignore("This machine has the driver.");
        }

        Assert.That(() => CudaDriver.cuInit(0), Throws.TypeOf<NativeLibraryNotFoundException>().With.Message.Contains("libcuda.so.1"));
    }

    [Test]
    public void A_second_resolver_cannot_be_set() =>
        Assert.That(NativeLibraryResolver.Register, Throws.InvalidOperationException);

    private static void IgnoreWithToolkit()
    {
        if (Directory.EnumerateDirectories("/usr/local", "cuda*").Any())
        {
            Assert.Ignore("This machine has a toolkit under /usr/local, which comes first.");
        }
    }

    private static string MathLibrary()
    {
        using Process process = Process.GetCurrentProcess();
        string? path = process.Modules.Cast<ProcessModule>().Select(module => module.FileName)
            .FirstOrDefault(file => Path.GetFileName(file).StartsWith("libm.so", StringComparison.Ordinal) && !file.StartsWith(Path.GetTempPath(), StringComparison.Ordinal));
        if (path is null)
        {
            Assert.Ignore("This system has no separate mathematics library to stand in.");
        }

        return path!;
    }

    private string PlaceLibrary(string folder, string file)
    {
        string path = Path.GetFullPath(Path.Combine(_root, folder, file));
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.Copy(MathLibrary(), path);
        return path;
    }

    private string? Find(string library, params (string Variable, string Folder)[] variables) => Find(library, [], variables);

    private string? Find(string library, List<NativeLibraryAttempt> attempts, params (string Variable, string Folder)[] variables)
    {
        nint handle = Search(variables).Find(NativeLibraryNames.Of(library), attempts, out string? path);
        if (handle != 0)
        {
            NativeLibrary.Free(handle);
        }

        return path is null || !path.StartsWith(_root, StringComparison.Ordinal) ? path : Path.GetFullPath(path);
    }

    private NativeLibrarySearch Search(params (string Variable, string Folder)[] variables)
    {
        Dictionary<string, string> environment = variables.ToDictionary(variable => variable.Variable, variable => Path.Combine(_root, variable.Folder));
        return new NativeLibrarySearch(name => environment.GetValueOrDefault(name), Path.Combine(_root, "application"));
    }
}
