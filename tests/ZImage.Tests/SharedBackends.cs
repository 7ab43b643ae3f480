using NUnit.Framework;
using ZImage.Backends;

namespace ZImage.Tests;

/// <summary>Backends that are slow to open (a context, the kernels) live as long as the test run. Tests run one after the other, so one of each is enough.</summary>
[SetUpFixture]
public sealed class SharedBackends
{
    private static readonly Lock s_lock = new();
    private static readonly Dictionary<string, Lazy<IBackend>> s_backends = [];

    /// <summary>Disposes them.</summary>
    [OneTimeTearDown]
    public void Close()
    {
        lock (s_lock)
        {
            foreach (Lazy<IBackend> backend in s_backends.Values.Where(backend => backend.IsValueCreated))
            {
                backend.Value.Dispose();
            }

            s_backends.Clear();
        }
    }

    /// <summary>The backend called <paramref name="name"/>; the first call makes it. One that cannot be made fails every test that asks for it.</summary>
    internal static IBackend Get(string name, Func<IBackend> create)
    {
        lock (s_lock)
        {
            if (!s_backends.TryGetValue(name, out Lazy<IBackend>? backend))
            {
                s_backends.Add(name, backend = new Lazy<IBackend>(create));
            }

            return backend.Value;
        }
    }
}
